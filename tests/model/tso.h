/* The x86-TSO machine under the models: memory and one store buffer a process.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A store goes to the end of its process's buffer and reaches memory later, in
 * order, whenever the buffers' own process chooses. A load reads memory: no
 * process here loads a cell that it stores itself (it keeps a local copy), so
 * forwarding from the buffer needs no model. A full fence waits until the
 * buffer is empty; a read-modify-write does so too, and is then one step.
 *
 * The model defines before including this: CELLS, PROCESSES, and BUFFER (the
 * depth: at least the number of stores between two fences, or interleavings
 * would be missed).
 */
byte memory[CELLS];
chan buffer[PROCESSES] = [BUFFER] of { byte, byte };

#define store(me, cell, value) buffer[me]!cell,value
#define full_fence(me) empty(buffer[me])
/* Used inside atomic { } only: the wait and the exchange are one step. */
#define exchange(me, cell, value, old)                                         \
    empty(buffer[me]);                                                         \
    old = memory[cell];                                                        \
    memory[cell] = value

active [PROCESSES] proctype drain() {
    byte cell, value;
end:
    do
    :: d_step {
        buffer[_pid]?cell,value;
        memory[cell] = value;
        cell = 0;
        value = 0
    }
    od
}
