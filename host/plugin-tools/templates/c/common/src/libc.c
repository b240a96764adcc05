// Memory and bytes, freestanding.
//
// Blocks come in powers of two, each with its size class in front; a freed block waits for the next one of its class.
// The station bounds the memory: what does not fit traps, and the station makes a new instance.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 16, SMALLEST = 5, CLASSES = 32, PAGE = 65536 };

struct block {
  size_t class;
  struct block *next;
};

// Set by the linker: where its own data end.
extern unsigned char __heap_base;

static struct block *waiting[CLASSES];
static uintptr_t fresh;

_Noreturn void abort(void) { __builtin_trap(); }

// The first `size` bytes that were never used.
static void *take(size_t size) {
  if (fresh == 0) fresh = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
  if (size > UINTPTR_MAX - fresh - PAGE) abort();
  if (fresh + size > end) {
    size_t pages = (fresh + size - end + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) abort();
  }
  void *taken = (void *)fresh;
  fresh += size;
  return taken;
}

void *malloc(size_t size) {
  size_t class = SMALLEST;
  while (class < CLASSES - 1 && ((size_t)1 << class) - HEADER < size) class++;
  if (((size_t)1 << class) - HEADER < size) abort();
  struct block *block = waiting[class];
  if (block) {
    waiting[class] = block->next;
  } else {
    block = take((size_t)1 << class);
    block->class = class;
  }
  return (unsigned char *)block + HEADER;
}

void free(void *old) {
  if (!old) return;
  struct block *block = (struct block *)((unsigned char *)old - HEADER);
  block->next = waiting[block->class];
  waiting[block->class] = block;
}

void *realloc(void *old, size_t size) {
  if (!old) return malloc(size);
  struct block *block = (struct block *)((unsigned char *)old - HEADER);
  size_t room = ((size_t)1 << block->class) - HEADER;
  if (size <= room) return old;
  void *new = malloc(size);
  memcpy(new, old, room);
  free(old);
  return new;
}

void *memcpy(void *to, const void *from, size_t size) { return memmove(to, from, size); }

void *memmove(void *to, const void *from, size_t size) {
  unsigned char *t = to;
  const unsigned char *f = from;
  if (t < f) {
    for (size_t i = 0; i < size; i++) t[i] = f[i];
  } else {
    for (size_t i = size; i > 0; i--) t[i - 1] = f[i - 1];
  }
  return to;
}

void *memset(void *to, int byte, size_t size) {
  unsigned char *t = to;
  for (size_t i = 0; i < size; i++) t[i] = (unsigned char)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < size; i++) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}
