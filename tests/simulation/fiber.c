/*
 * Fibers: stacks, the switch between them, and their own thread-local variables.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The switch saves the registers that a function must preserve and changes the
 * stack; swapcontext would do the same with two system calls more.
 *
 * The code under test may have thread-local variables.  All fibers run on one
 * thread, so the program's part of the thread-local storage is copied out when a
 * fiber leaves and in when it is resumed.  The C library's own part (errno, the
 * allocator's caches) is another one and stays shared, as it should.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "engine.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if !defined(__x86_64__)
#error "the simulator switches stacks on x86-64 only"
#endif

enum { STACK_BYTES = 256 * 1024, GUARD_BYTES = 4096, SAVED_REGISTERS = 6 };

void sim_fiber_switch(void **save, void *to);

__asm__(".text\n"
        ".type sim_fiber_switch, @function\n"
        "sim_fiber_switch:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size sim_fiber_switch, . - sim_fiber_switch\n");

static void *outside;

/* The program's thread-local variables: where they are, and what a new thread has there. */
static struct {
    unsigned char *place;
    size_t bytes;
    const void *image;
    size_t image_bytes;
    unsigned char *outside; /* those of who is no fiber                      */
    unsigned char *owner;   /* whose are in place; its own copy is outdated */
} locals;

/* The first object is the program itself; its block ends at the thread pointer. */
static int find_locals(struct dl_phdr_info *program, size_t bytes, void *unused) {
    (void)bytes, (void)unused;
    for (unsigned i = 0; i < program->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &program->dlpi_phdr[i];
        if (header->p_type != PT_TLS) continue;
        uintptr_t thread_pointer;
        __asm__("mov %%fs:0, %0" : "=r"(thread_pointer));
        uintptr_t align = header->p_align == 0 ? 1 : header->p_align;
        uintptr_t start = (thread_pointer - header->p_memsz) & ~(align - 1);
        locals.place = (unsigned char *)start;
        locals.bytes = header->p_memsz;
        locals.image = (const void *)(program->dlpi_addr + header->p_vaddr);
        locals.image_bytes = header->p_filesz;
    }
    return 1;
}

static void *or_die(void *memory) {
    if (memory == NULL || memory == MAP_FAILED) {
        fputs("simulator: no memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void *new_stack(void) {
    char *stack = or_die(mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (mprotect(stack, GUARD_BYTES, PROT_NONE) != 0) or_die(NULL);
    return stack;
}

void sim_fiber_prepare(struct sim_fiber *fiber, void (*entry)(void)) {
    if (locals.owner == NULL) {
        dl_iterate_phdr(find_locals, NULL);
        locals.outside = or_die(malloc(locals.bytes + 1));
        locals.owner = locals.outside;
    }
    if (fiber->stack == NULL) {
        fiber->stack = new_stack();
        fiber->locals = or_die(malloc(locals.bytes + 1));
    }
    if (locals.image_bytes > 0) memcpy(fiber->locals, locals.image, locals.image_bytes);
    memset(fiber->locals + locals.image_bytes, 0, locals.bytes - locals.image_bytes);

    /* What the switch pops: the registers, then the entry as return address.  The entry finds
       the stack as after a call: a return address (none) above a multiple of 16. */
    uintptr_t *top = (uintptr_t *)(void *)((char *)fiber->stack + GUARD_BYTES + STACK_BYTES);
    *--top = 0;
    *--top = (uintptr_t)entry;
    for (int i = 0; i < SAVED_REGISTERS; i++) *--top = 0;
    fiber->stack_pointer = top;
}

/* Those of whoever ran last stay in place until another needs it: often it goes on itself. */
static void bring_locals(unsigned char *wanted) {
    if (locals.owner == wanted) return;
    memcpy(locals.owner, locals.place, locals.bytes);
    memcpy(locals.place, wanted, locals.bytes);
    locals.owner = wanted;
}

void sim_fiber_outside(void) {
    if (locals.owner != NULL) bring_locals(locals.outside);
}

void sim_fiber_resume(struct sim_fiber *fiber) {
    bring_locals(fiber->locals);
    sim_fiber_switch(&outside, fiber->stack_pointer);
}

void sim_fiber_leave(struct sim_fiber *fiber) {
    sim_fiber_switch(&fiber->stack_pointer, outside);
}

void sim_fiber_go(struct sim_fiber *from, struct sim_fiber *to) {
    bring_locals(to->locals);
    sim_fiber_switch(&from->stack_pointer, to->stack_pointer);
}
