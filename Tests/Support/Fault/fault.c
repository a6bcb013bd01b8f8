/* For tests, by LD_PRELOAD: at the chosen step of a program's work on the files whose path contains FAULT_PATH, it dies
 * (SIGKILL), before the step or, of a write, in the middle of it. Nothing of this is in what's shipped.
 * Also sets the wall clock, and that alone, for one process; and lets Vectorscan find nothing.
 *
 *   FAULT_PATH  part of the path
 *   FAULT_AT    which step, from 1: writes, synchronisations, renames, removals (unlinkat), resizes, in the order in which
 *               they're made
 *   FAULT_HALF  set: a write is done by half first
 *   FAULT_CLOCK a file of 8 bytes: by how many seconds the wall clock is wrong, read anew each time
 *   FAULT_BLIND a file: while it's there, Vectorscan reports nothing
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_long steps;

static int concerns(const char *path) {
    const char *part = getenv("FAULT_PATH");
    return part && strstr(path, part) != NULL;
}

static int concerns_file(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return concerns(path);
}

/* Whether this is the step to die at. */
static int is_due(void) {
    const char *at = getenv("FAULT_AT");
    return at && atomic_fetch_add(&steps, 1) + 1 == atol(at);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t written(int file, const void *bytes, size_t count, off64_t offset) {
    if (concerns_file(file) && is_due()) {
        if (getenv("FAULT_HALF")) REAL(pwrite64)(file, bytes, count / 2, offset);
        die();
    }
    return REAL(pwrite64)(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) { return written(file, bytes, count, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) { return written(file, bytes, count, offset); }

int fdatasync(int file) {
    if (concerns_file(file) && is_due()) die();
    return REAL(fdatasync)(file);
}

int fsync(int file) {
    if (concerns_file(file) && is_due()) die();
    return REAL(fsync)(file);
}

int ftruncate(int file, off_t size) {
    if (concerns_file(file) && is_due()) die();
    return REAL(ftruncate)(file, size);
}

int rename(const char *old, const char *new) {
    if (concerns(new) && is_due()) die();
    return REAL(rename)(old, new);
}

int renameat(int from, const char *old, int to, const char *new) {
    if ((concerns(new) || concerns_file(to)) && is_due()) die();
    return REAL(renameat)(from, old, to, new);
}

int unlinkat(int folder, const char *name, int flags) {
    if ((concerns(name) || concerns_file(folder)) && is_due()) die();
    return REAL(unlinkat)(folder, name, flags);
}

static volatile long *wrong;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) wrong = memory;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = REAL(clock_gettime)(clock, time);
    if (result == 0 && wrong && clock == CLOCK_REALTIME) time->tv_sec += *wrong;
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    int result = REAL(gettimeofday)(time, zone);
    if (result == 0 && wrong && time) time->tv_sec += *wrong;
    return result;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}

static int is_blind(void) {
    const char *path = getenv("FAULT_BLIND");
    return path && access(path, F_OK) == 0;
}

typedef int (*report)(unsigned, unsigned long long, unsigned long long, unsigned, void *);

int hs_scan(const void *database, const char *data, unsigned length, unsigned flags, void *scratch, report found, void *context) {
    if (is_blind()) return 0;
    return REAL(hs_scan)(database, data, length, flags, scratch, found, context);
}

int hs_scan_stream(void *stream, const char *data, unsigned length, unsigned flags, void *scratch, report found, void *context) {
    if (is_blind()) return 0;
    return REAL(hs_scan_stream)(stream, data, length, flags, scratch, found, context);
}
