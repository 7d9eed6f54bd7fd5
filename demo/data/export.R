# Exports credit_data of the R package modeldata to loans.csv beside this script.
#   apt-get install r-base-core r-cran-modeldata && Rscript demo/data/export.R
# Names become lower case, factors become the codes that README.md lists, missing values stay empty, the outcome comes last.
# The rows are shuffled once with a fixed seed, so that "the first rows" is a fair sample.
suppressMessages(library(modeldata))
data(credit_data)

codes <- list(
  Home = c("ignore", "other", "owner", "parents", "priv", "rent"),
  Marital = c("divorced", "married", "separated", "single", "widow"),
  Records = c("no", "yes"),
  Job = c("fixed", "freelance", "others", "partime")
)
for (column in names(codes)) {
  stopifnot(identical(levels(credit_data[[column]]), codes[[column]]))
  credit_data[[column]] <- match(credit_data[[column]], codes[[column]]) - 1L
}
loans <- credit_data[, setdiff(names(credit_data), "Status")]
names(loans) <- tolower(names(loans))
loans$class <- as.character(credit_data$Status)

RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(20240101)
loans <- loans[sample(nrow(loans)), ]

script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
write.csv(loans, file.path(dirname(script), "loans.csv"), na = "", row.names = FALSE, quote = FALSE)
