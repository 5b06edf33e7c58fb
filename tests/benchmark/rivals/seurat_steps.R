# Seurat (Hao 2021, doi:10.1016/j.cell.2021.04.048) from the h5ad to markers of clusters.
#
#     Rscript seurat_steps.R COHORT.h5ad OUT.tsv
#
# Without doublets and Harmony, which are other packages.

given <- commandArgs(trailingOnly = TRUE)
rows <- NULL
began <- proc.time()[["elapsed"]]
step <- function(name) {
  status <- readLines("/proc/self/status")
  peak <- as.numeric(gsub("[^0-9]", "", grep("^VmHWM", status, value = TRUE))) / 1024
  seconds <- proc.time()[["elapsed"]] - began
  rows <<- rbind(rows, data.frame(step = name, seconds = round(seconds, 2), max_rss_mb = round(peak)))
  write.table(rows, given[2], sep = "\t", quote = FALSE, row.names = FALSE)
  message(sprintf("%s\t%.1f s\t%.0f MB", name, seconds, peak))
  began <<- proc.time()[["elapsed"]]
}

suppressPackageStartupMessages({
  library(Seurat)
  library(Matrix)
  library(hdf5r)
})
step("import")
file <- H5File$new(given[1], mode = "r")
genes <- make.unique(as.character(file[["raw/var/gene_symbol"]][]))
cells <- as.character(file[["obs/_index"]][])
counts <- new(
  "dgCMatrix",
  i = as.integer(file[["raw/X/indices"]][]), p = as.integer(file[["raw/X/indptr"]][]),
  x = as.numeric(file[["raw/X/data"]][]), Dim = c(length(genes), length(cells)),
  Dimnames = list(genes, cells)
)
file$close_all()
step("read")
data <- CreateSeuratObject(counts, min.cells = 3)
rm(counts)
data[["percent.mt"]] <- PercentageFeatureSet(data, pattern = "^MT-")
data <- subset(data, nCount_RNA >= 500 & nFeature_RNA >= 200 & percent.mt < 20)
step("quality control")
data <- NormalizeData(data, verbose = FALSE)
step("normalization")
data <- FindVariableFeatures(data, nfeatures = 2000, verbose = FALSE)
data <- ScaleData(data, verbose = FALSE)
data <- RunPCA(data, npcs = 30, verbose = FALSE)
step("variable genes and PCA")
data <- FindNeighbors(data, dims = 1:30, k.param = 15, verbose = FALSE)
step("neighbors")
data <- FindClusters(data, resolution = 1, verbose = FALSE)
step("Louvain, one resolution")
data <- RunUMAP(data, dims = 1:30, verbose = FALSE)
step("UMAP")
found <- FindAllMarkers(data, verbose = FALSE)
step("markers")
