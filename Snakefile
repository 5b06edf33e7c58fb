# Entry point of `snakemake --cores 8`. An included file sets no default target, so it is set here.
include: "workflow/Snakefile"


rule everything:
    default_target: True
    input:
        rules.all.input,
