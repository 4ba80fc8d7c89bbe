"""One GEMM on one matched array: our mapper and the peers' mappers, term by term."""
