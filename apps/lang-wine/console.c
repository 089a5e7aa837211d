// SPDX-License-Identifier: GPL-2.0
/*
 * A console program for Windows: processes, threads, exceptions, memory and files
 * by the functions of kernel32. The status is 9.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define THREADS		16
#define ROUNDS		1000
#define PAGE		4096
#define PAGES		100
#define FILE_SIZE	100000

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "console: %s: error %lu\n", what, GetLastError());
	ExitProcess(1);
}

static unsigned int privilege(void)
{
	unsigned int cs;

	__asm__ volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

/* Threads that count under a lock, each with a value of its own */
static CRITICAL_SECTION lock;
static HANDLE gate;
static DWORD slot;
static unsigned long count, own;

static DWORD WINAPI counter(void *arg)
{
	TlsSetValue(slot, arg);
	WaitForSingleObject(gate, INFINITE);
	for (int i = 0; i < ROUNDS; i++) {
		EnterCriticalSection(&lock);
		count++;
		LeaveCriticalSection(&lock);
		if (i % 100 == 0)
			Sleep(0);
	}
	EnterCriticalSection(&lock);
	own += (ULONG_PTR)TlsGetValue(slot);
	LeaveCriticalSection(&lock);
	return 0;
}

static void threads(void)
{
	HANDLE thread[THREADS];

	InitializeCriticalSection(&lock);
	gate = CreateEventA(NULL, TRUE, FALSE, NULL);
	slot = TlsAlloc();
	for (ULONG_PTR i = 0; i < THREADS; i++) {
		thread[i] = CreateThread(NULL, 0, counter, (void *)i, 0, NULL);
		if (!thread[i])
			die("thread");
	}
	SetEvent(gate);
	if (WaitForMultipleObjects(THREADS, thread, TRUE, 60000) != WAIT_OBJECT_0)
		die("wait for threads");
	printf("threads %lu, own %lu\n", count, own);
}

/* A thread that never waits is stopped, looked at, and goes on until told. */
static volatile bool stop;
static volatile unsigned long spins;

static DWORD WINAPI spinner(void *arg)
{
	(void)arg;
	while (!stop)
		spins++;
	return 42;
}

static void suspended(void)
{
	HANDLE thread = CreateThread(NULL, 0, spinner, NULL, 0, NULL);
	CONTEXT context = { .ContextFlags = CONTEXT_FULL };
	unsigned long before;
	bool still, inside;
	DWORD code;

	while (!spins)
		Sleep(1);
	if (SuspendThread(thread) || !GetThreadContext(thread, &context))
		die("suspend");
	before = spins;
	Sleep(50);
	still = before == spins;
	inside = context.Rip - (DWORD64)spinner < 256;
	ResumeThread(thread);
	while (spins == before)
		Sleep(1);
	stop = true;
	WaitForSingleObject(thread, INFINITE);
	GetExitCodeThread(thread, &code);
	printf("suspended: still %d, inside %d, code %lu\n", still, inside, code);
}

/* Memory that is there when it is touched, by an exception handler */
static char *area;
static unsigned int repaired;

static LONG CALLBACK repair(EXCEPTION_POINTERS *e)
{
	char *at = (char *)e->ExceptionRecord->ExceptionInformation[1];

	if (e->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION ||
	    at < area || at >= area + PAGES * PAGE ||
	    !VirtualAlloc(at, 1, MEM_COMMIT, PAGE_READWRITE))
		return EXCEPTION_CONTINUE_SEARCH;
	repaired++;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static void faults(void)
{
	unsigned int sum = 0;

	area = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE, PAGE_READWRITE);
	if (!area || !AddVectoredExceptionHandler(1, repair))
		die("exceptions");
	for (unsigned int i = 0; i < PAGES; i++)
		*(volatile unsigned int *)(area + i * PAGE) = i;
	for (unsigned int i = 0; i < PAGES; i++)
		sum += *(volatile unsigned int *)(area + i * PAGE);
	printf("faults repaired %u, sum %u\n", repaired, sum);
}

static void files(void)
{
	unsigned int sum = 0;
	unsigned char *view;
	char text[100];
	HANDLE file, map;
	DWORD n;

	file = CreateFileW(L"C:\\gr\u00fc\u00dfe.txt", GENERIC_READ | GENERIC_WRITE, 0,
			   NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	if (file == INVALID_HANDLE_VALUE)
		die("create a file");
	map = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, FILE_SIZE, NULL);
	view = map ? MapViewOfFile(map, FILE_MAP_WRITE, 0, 0, 0) : NULL;
	if (!view)
		die("map a file");
	for (unsigned int i = 0; i < FILE_SIZE; i++)
		view[i] = i % 251;
	UnmapViewOfFile(view);
	CloseHandle(map);
	SetFilePointer(file, 0, NULL, FILE_BEGIN);
	while (ReadFile(file, text, sizeof(text), &n, NULL) && n) {
		while (n)
			sum += (unsigned char)text[--n];
	}
	CloseHandle(file);
	n = WideCharToMultiByte(CP_UTF8, 0, L"gr\u00fc\u00dfe", -1, text, sizeof(text), NULL, NULL);
	printf("file %u, name of %lu bytes, deleted %d\n", sum, n - 1,
	       DeleteFileW(L"C:\\gr\u00fc\u00dfe.txt"));
}

/* The same program again, with its output in a pipe */
static void child(const char *self)
{
	SECURITY_ATTRIBUTES inherited = { .nLength = sizeof(inherited), .bInheritHandle = TRUE };
	STARTUPINFOA start = { .cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES };
	PROCESS_INFORMATION process;
	char command[MAX_PATH + 20], text[100];
	HANDLE from, to;
	DWORD n, code;

	if (!CreatePipe(&from, &to, &inherited, 0))
		die("pipe");
	start.hStdOutput = to;
	start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
	snprintf(command, sizeof(command), "\"%s\" child", self);
	if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process))
		die("process");
	CloseHandle(to);
	if (!ReadFile(from, text, sizeof(text) - 1, &n, NULL))
		die("read");
	text[n] = '\0';
	WaitForSingleObject(process.hProcess, INFINITE);
	GetExitCodeProcess(process.hProcess, &code);
	printf("child: %s, %lu\n", text, code);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "child")) {
		printf("from the child");
		return 5;
	}
	/* What was done is seen, whatever happens to the rest. */
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("CPL %u\n", privilege());
	for (int i = 1; i < argc; i++)
		printf("argument %d [%s]\n", i, argv[i]);
	threads();
	suspended();
	faults();
	files();
	child(argv[0]);
	return 9;
}
