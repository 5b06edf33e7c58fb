# All figures, each as PDF, SVG, PNG and the table of what it shows. What a rule draws, and from
# what, stands in workflow/tilt/figures/registry.py.


include: "figure_files.smk"


rule plot_quality:
    input:
        unpack(figure_input("plot_quality")),
    output:
        *figure_files("plot_quality"),
        **figure_items("plot_quality"),
    log:
        "logs/{cohort}/plot_quality.log",
    benchmark:
        "benchmarks/{cohort}/plot_quality.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_quality")),
        runtime=30,
    params:
        cohorts=of_cohort(lambda cohort: [names.describe(cohort)]),
        figures=plots.recipes("plot_quality"),
        settings=figure_settings("plot_quality"),
        code=code("plot_figures", *plots.modules("plot_quality"), without=LISTS),
    script:
        "../scripts/plot_figures.py"


rule plot_cells:
    input:
        unpack(figure_input("plot_cells")),
    output:
        *figure_files("plot_cells"),
        **figure_items("plot_cells"),
    log:
        "logs/{cohort}/plot_cells.log",
    benchmark:
        "benchmarks/{cohort}/plot_cells.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_cells")),
        runtime=30,
    params:
        cohorts=of_cohort(lambda cohort: [names.describe(cohort)]),
        figures=plots.recipes("plot_cells"),
        settings=figure_settings("plot_cells"),
        code=code("plot_figures", *plots.modules("plot_cells"), without=LISTS),
    script:
        "../scripts/plot_figures.py"


rule plot_markers:
    input:
        unpack(figure_input("plot_markers")),
    output:
        *figure_files("plot_markers"),
        **figure_items("plot_markers"),
    log:
        "logs/{cohort}/plot_markers.log",
    benchmark:
        "benchmarks/{cohort}/plot_markers.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_markers")),
        runtime=30,
    params:
        cohorts=of_cohort(lambda cohort: [names.describe(cohort)]),
        figures=plots.recipes("plot_markers"),
        settings=figure_settings("plot_markers"),
        code=code("plot_figures", *plots.modules("plot_markers"), without=LISTS),
    script:
        "../scripts/plot_figures.py"


rule plot_celltypist:
    input:
        unpack(figure_input("plot_celltypist")),
    output:
        *figure_files("plot_celltypist"),
        **figure_items("plot_celltypist"),
    log:
        "logs/{cohort}/plot_celltypist.log",
    benchmark:
        "benchmarks/{cohort}/plot_celltypist.tsv"
    wildcard_constraints:
        cohort=one_of(MODELED),
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_celltypist")),
        runtime=30,
    params:
        cohorts=of_cohort(lambda cohort: [names.describe(cohort)]),
        figures=plots.recipes("plot_celltypist"),
        settings=figure_settings("plot_celltypist"),
        code=code("plot_figures", *plots.modules("plot_celltypist"), without=LISTS),
    script:
        "../scripts/plot_figures.py"


rule plot_donors:
    input:
        unpack(figure_input("plot_donors")),
    output:
        *figure_files("plot_donors"),
        **figure_items("plot_donors"),
    log:
        "logs/{cohort}/plot_donors.log",
    benchmark:
        "benchmarks/{cohort}/plot_donors.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_donors")),
        runtime=30,
    params:
        cohorts=of_cohort(lambda cohort: [names.describe(cohort)]),
        figures=plots.recipes("plot_donors"),
        settings=figure_settings("plot_donors"),
        code=code("plot_figures", *plots.modules("plot_donors"), without=LISTS),
    script:
        "../scripts/plot_figures.py"


rule plot_specifications:
    input:
        unpack(figure_input("plot_specifications")),
    output:
        *figure_files("plot_specifications"),
        **figure_items("plot_specifications"),
    log:
        "logs/{cohort}/plot_specifications.log",
    benchmark:
        "benchmarks/{cohort}/plot_specifications.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_specifications")),
        runtime=30,
    params:
        cohorts=of_cohort(lambda cohort: [names.describe(cohort)]),
        figures=plots.recipes("plot_specifications"),
        settings=figure_settings("plot_specifications"),
        code=code("plot_figures", *plots.modules("plot_specifications"), without=LISTS),
    script:
        "../scripts/plot_figures.py"


rule plot_across:
    input:
        **files_across("plot_across"),
    output:
        *figure_files("plot_across"),
        **figure_items("plot_across"),
    log:
        "logs/across/plot_across.log",
    benchmark:
        "benchmarks/across/plot_across.tsv"
    conda:
        "../../envs/tilt.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(*plots.memory("plot_across")),
        runtime=30,
    params:
        cohorts=[names.describe(about) for about in COHORTS.values()],
        figures=plots.recipes("plot_across"),
        settings=plots.settings("plot_across", CONFIG),
        code=code("plot_figures", *plots.modules("plot_across"), without=LISTS),
    script:
        "../scripts/plot_figures.py"
