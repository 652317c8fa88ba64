"""Machine code that calls the interpreter once and puts every register back by itself.

The process needs no tracer while it runs: a wait for the interpreter's lock keeps nobody stopped, and a tracer that is
killed meanwhile leaves a process that goes on. x86-64, System V calling convention; RBX holds the block's address.
"""

import struct

# The block: one mapping in the process. Offsets in bytes.
STATUS, _RESULT, _LOCK_STATE = 0x00, 0x04, 0x08
_FUNCTIONS = {
    "Py_IsInitialized": 0x10,
    "PyGILState_Ensure": 0x18,
    "PyRun_SimpleString": 0x20,
    "PyGILState_Release": 0x28,
    "Py_AddPendingCall": 0x30,
}
_SAVED = 0x80
CODE, LINE, NUDGE, ANSWER, _EXTENDED, PAYLOAD = 0x200, 0x600, 0xF00, 0x1000, 0x2000, 0x8000
ANSWER_BYTES = 0x1000

STATUS_RUNS, STATUS_DONE, STATUS_NOT_INITIALISED = 1, 2, 3

# In the order in which they are put back: the stack, and last the block's own address, when nothing needs them any more.
_RESTORED = "rax rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 rsp rbx".split()
_NUMBER = {name: n for n, name in enumerate("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split())}
_SLOT = {name: _SAVED + 8 * n for n, name in enumerate(_RESTORED + ["eflags", "rip"])}

# Registers of the vector unit and their like: xsave and xrstor of every part that the processor has.
_ALL_PARTS = b"\xb8\xff\xff\xff\xff\xba\xff\xff\xff\xff"  # mov eax, -1; mov edx, -1
_XSAVE = b"\x48\x0f\xae\xa3" + struct.pack("<i", _EXTENDED)
_XRSTOR = b"\x48\x0f\xae\xab" + struct.pack("<i", _EXTENDED)

_SYSCALL_RESTARTS = {-512, -513, -514}  # ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND
_RESTART_BLOCK = -516
_SYS_RESTART = 219
_DIRECTION_AND_TRAP = 0x500


def entry_registers(saved, block):
    """Where the thread goes on: at the code, on its own stack below the red zone."""
    registers = saved.copy()
    registers.rip, registers.rbx = block + CODE, block
    registers.rsp = (saved.rsp - 512) & ~0x3F
    registers.orig_rax = 0xFFFFFFFFFFFFFFFF  # no system call that the kernel would restart at our code
    registers.eflags &= ~_DIRECTION_AND_TRAP
    return registers


def resumed(saved):
    """The registers as the kernel itself would have gone on with: an interrupted system call begins again."""
    registers = saved.copy()
    result = saved.rax - (1 << 64) if saved.rax >> 63 else saved.rax
    if saved.orig_rax >> 63:  # was in no system call
        return registers
    if result in _SYSCALL_RESTARTS:
        registers.rax, registers.rip = saved.orig_rax, saved.rip - 2
    elif result == _RESTART_BLOCK:  # with what is left of its time
        registers.rax, registers.rip = _SYS_RESTART, saved.rip - 2
    return registers


def head(functions, saved):
    """The first bytes of the block: addresses of functions, and the registers to be put back."""
    block = bytearray(_SAVED + 8 * len(_SLOT))
    for name, at in _FUNCTIONS.items():
        struct.pack_into("<Q", block, at, functions[name])
    registers = resumed(saved)
    for name, at in _SLOT.items():
        struct.pack_into("<Q", block, at, getattr(registers, name))
    return bytes(block)


def run_now(line=LINE):
    """For a thread that waits in the kernel without the interpreter's lock: takes the lock, runs the line, gives it back."""
    return _around(
        _call("PyGILState_Ensure")
        + b"\x89\x83" + struct.pack("<i", _LOCK_STATE)  # mov [rbx+lock state], eax
        + b"\x48\x8d\xbb" + struct.pack("<i", line)  # lea rdi, [rbx+line]
        + _call("PyRun_SimpleString")
        + b"\x89\x83" + struct.pack("<i", _RESULT)
        + b"\x8b\xbb" + struct.pack("<i", _LOCK_STATE)  # mov edi, [rbx+lock state]
        + _call("PyGILState_Release")
    )


def run_soon():
    """For a thread that computes: asks the interpreter to run the line between two of its instructions."""
    return _around(
        b"\x48\x8b\xbb" + struct.pack("<i", _FUNCTIONS["PyRun_SimpleString"])  # mov rdi, [rbx+function]
        + b"\x48\x8d\xb3" + struct.pack("<i", LINE)  # lea rsi, [rbx+line]
        + _call("Py_AddPendingCall")
        + b"\x89\x83" + struct.pack("<i", _RESULT)
    )


def _around(work):
    done = work + _status(STATUS_DONE)
    done += b"\xeb\x0a"  # jmp over the next status
    return (
        _ALL_PARTS + _XSAVE + _status(STATUS_RUNS)
        + _call("Py_IsInitialized")
        + b"\x85\xc0\x0f\x84" + struct.pack("<i", len(done))  # test eax, eax; jz
        + done
        + _status(STATUS_NOT_INITIALISED)
        + _put_back()
    )


def _call(function):
    return b"\xff\x93" + struct.pack("<i", _FUNCTIONS[function])  # call [rbx+function]


def _status(value):
    return b"\xc7\x83" + struct.pack("<iI", STATUS, value)  # mov dword [rbx+status], value: ten bytes


def _put_back():
    code = _ALL_PARTS + _XRSTOR
    code += b"\xff\xb3" + struct.pack("<i", _SLOT["eflags"]) + b"\x9d"  # push [rbx+flags]; popf
    for name in _RESTORED:  # mov leaves the flags alone
        number = _NUMBER[name]
        prefix = 0x4C if number >= 8 else 0x48
        code += bytes((prefix, 0x8B, 0x83 | (number & 7) << 3)) + struct.pack("<i", _SLOT[name])
    return code


def jump_back(code):
    """The last instruction: a jump through a slot of the block, found without any register."""
    at = CODE + len(code) + 6
    return code + b"\xff\x25" + struct.pack("<i", _SLOT["rip"] - at)
