#include "textflag.h"

// func stubText() *byte
TEXT ·stubText(SB), NOSPLIT, $0-8
	LEAQ ·template(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// template is never called here: its bytes are copied into other processes, behind the vDSO's three functions, whose first instructions
// jump to it with AL = 0, 1 or 2. It asks the kernel for the true time by system call and adds the shift (package shift), whose four
// numbers stand in it as immediate values, to be replaced in the copy. It is position-independent and uses what the C calling
// convention lets a function use: no other registers, and the 128 bytes below the stack pointer.
//
// R9: where the result goes; R10: nanoseconds in a unit of the result's second word, 0 if it has none.
TEXT ·template(SB), NOSPLIT|NOFRAME, $0-0
	CMPB AL, $1
	JEQ  gettimeofday
	JHI  time

	// int clock_gettime(clockid_t DI, struct timespec *SI)
	MOVQ SI, R9
	MOVL $1, R10
	MOVL $228, AX
	SYSCALL
	TESTL AX, AX
	JNE  done
	TESTL DI, DI         // CLOCK_REALTIME
	JEQ  timespec
	CMPL DI, $5          // CLOCK_REALTIME_COARSE
	JNE  done            // all other clocks are left as they are
timespec:
	MOVQ (R9), AX
	IMUL3Q $1000000000, AX, AX
	ADDQ 8(R9), AX
	JMP  shift

gettimeofday: // int gettimeofday(struct timeval *DI, struct timezone *SI)
	MOVQ DI, R9
	MOVL $1000, R10
	MOVL $96, AX
	SYSCALL
	TESTL AX, AX
	JNE  done
	TESTQ R9, R9
	JEQ  done
	MOVQ (R9), AX
	IMUL3Q $1000000, AX, AX
	ADDQ 8(R9), AX
	IMUL3Q $1000, AX, AX
	JMP  shift

time: // time_t time(time_t *DI)
	MOVQ DI, R9
	XORL R10, R10
	XORL DI, DI
	LEAQ -16(SP), SI
	MOVL $228, AX
	SYSCALL
	MOVQ -16(SP), AX
	IMUL3Q $1000000000, AX, AX
	ADDQ -8(SP), AX

shift: // AX: the true time in nanoseconds
	MOVQ AX, R8
	MOVQ $0x7f43525543490001, R11 // Shift.Anchor
	SUBQ R11, AX
	MOVQ AX, DI
	MOVQ $0x7f43525543490002, R11 // Shift.Rate
	IMULQ R11
	MOVL $1000000000, R11
	IDIVQ R11
	ADDQ AX, R8
	MOVQ DI, AX
	CQO
	MOVQ $0x7f43525543490003, R11 // Shift.Phase
	IDIVQ R11
	TESTB $1, AL
	JNE  odd
	MOVQ $0x7f43525543490004, R11 // Shift.Offset
	ADDQ R11, R8
odd:
	MOVQ R8, AX
	XORL DX, DX
	MOVL $1000000000, R11
	DIVQ R11
	TESTQ R10, R10
	JEQ  whole
	MOVQ AX, (R9)
	MOVQ DX, AX
	XORL DX, DX
	DIVQ R10
	MOVQ AX, 8(R9)
	XORL AX, AX
done:
	RET
whole:
	TESTQ R9, R9
	JEQ  done
	MOVQ AX, (R9)
	RET
	QUAD $0x7f43525543490005 // the end

// func call(function, a, b uintptr) uintptr
// It calls a C function that needs hardly any stack.
TEXT ·call(SB), NOSPLIT, $64-32
	MOVQ function+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	CALL AX
	MOVQ AX, ret+24(FP)
	RET
