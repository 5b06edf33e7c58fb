# All figures, each as PDF, SVG, PNG and the table of what it shows. What a rule draws, and from
# what, stands in workflow/tilt/figures/registry.py: one rule for each `job` there.


include: "figure_files.smk"


for job in plots.names():

    rule:
        name:
            job
        input:
            unpack(figure_input(job)),
        output:
            *figure_files(job),
            **figure_items(job),
        log:
            f"logs/{plots.folder(job)}/{job}.log",
        benchmark:
            f"benchmarks/{plots.folder(job)}/{job}.tsv"
        wildcard_constraints:
            cohort=one_of(figure_cohorts(job)),
        conda:
            "../../envs/tilt.yaml"
        threads: 1
        resources:
            mem_mb=jobs.memory(*plots.memory(job)),
            runtime=30,
        params:
            cohorts=figure_labels(job),
            figures=plots.recipes(job),
            settings=figure_settings(job),
            code=code("plot_figures", *plots.modules(job), without=LISTS),
        script:
            "../scripts/plot_figures.py"
