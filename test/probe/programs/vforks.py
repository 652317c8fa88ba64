"""Its main thread waits in vfork() for a child that does not exec, in state D, until somebody kills the child.

The child runs on the memory of its parent: it calls pause() in machine code and nothing else.
"""

import ctypes
import mmap

# mov eax, 58 (vfork); syscall; test eax, eax; jnz +9; mov eax, 34 (pause); syscall; jmp -9; ret
CODE = b"\xb8\x3a\x00\x00\x00\x0f\x05\x85\xc0\x75\x09\xb8\x22\x00\x00\x00\x0f\x05\xeb\xf7\xc3"

memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(CODE)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
print("ready", flush=True)
child = ctypes.CFUNCTYPE(ctypes.c_long)(address)()
print("went on" if child > 0 else "no child", flush=True)
