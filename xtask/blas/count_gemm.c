/* A library for LD_PRELOAD that counts calls of cblas_sgemm and cblas_dgemm and forwards them. On
 * exit it writes "sgemm N" and "dgemm N" to the file named by the variable GEMM_COUNTS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_ulong sgemm_calls, dgemm_calls;

/* Returns the real function. */
static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) {
        fprintf(stderr, "count_gemm: cannot find %s\n", name);
        abort();
    }
    return function;
}

/* Enumerations are ints in the ABI. So are sizes: with INTERFACE64 the symbols have other names. */
#define COUNTED(name, number, calls)                                                                          \
    void name(int order, int trans_a, int trans_b, int m, int n, int k, number alpha, const number *a, int lda, \
              const number *b, int ldb, number beta, number *c, int ldc) {                                      \
        static __typeof__(name) *_Atomic real;                                                                  \
        if (!real) real = (__typeof__(name) *)next(#name);                                                      \
        atomic_fetch_add(&calls, 1);                                                                            \
        real(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                            \
    }

COUNTED(cblas_sgemm, float, sgemm_calls)
COUNTED(cblas_dgemm, double, dgemm_calls)

__attribute__((destructor)) static void write_counts(void) {
    const char *path = getenv("GEMM_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "sgemm %lu\ndgemm %lu\n", sgemm_calls, dgemm_calls);
    fclose(file);
}
