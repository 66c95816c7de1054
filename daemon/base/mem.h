/* mem: the one way to the heap. It counts what lives, so that a test can ask for zero at the end,
 * and can be told to fail, so that a test can see every way out. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Each may return NULL: ERR_NOMEM for the caller. Own: caller, until mem_free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);                  /* zeroed */
void *mem_realloc(void *block, size_t size);    /* on NULL the old block is untouched */
char *mem_copy(const void *bytes, size_t size); /* size bytes and a NUL behind them */
void mem_free(void *block);                     /* NULL is fine */

/* Blocks that live now. */
size_t mem_live(void);

/* Tests: the n-th allocation from now on fails, once. 0 turns it off. */
void mem_fail_at(uint64_t n);

#endif
