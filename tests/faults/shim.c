/* Stands between a process and its disk and clock: LD_PRELOAD, told what to do through shared memory.
 *
 * FAULTS_CONTROL names the file of `struct control` (its twin is in shim.py), FAULTS_JOURNAL, where
 * given, the file that takes every change of a file or folder below `root`, in order. A sync is
 * written down before it is done, any other change after: what a sync covers was there before it.
 * Files in mapped memory (SQLite's -shm) are not seen, and survive no power loss by design.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, NAME = 8, OPEN = 16 };         /* kinds of calls */
enum { NOTHING, FAIL, SHORT, KILL };                                     /* what befalls one */
enum { J_WRITE = 1, J_SYNC, J_LOST, J_TRUNCATE, J_CREATE, J_RENAME, J_LINK, J_UNLINK, J_FOLDER };

struct control {
    char root[256];
    int64_t seen[5];   /* calls of each kind, of all processes */
    int64_t calls;     /* of the chosen kinds, of all processes */
    int64_t at;        /* the fault befalls call number `at`, counted from 1; 0 = none */
    int32_t kinds;     /* which calls are counted: a set */
    int32_t action;
    int32_t error;     /* errno of FAIL */
    int32_t lasting;   /* from `at` on, until it is disarmed */
    int64_t clock_ns;  /* added to the wall clock */
    int64_t sync_us;   /* that a sync takes longer */
    int64_t write_us;
};

struct record {
    uint32_t kind, path, other, data; /* lengths in bytes of what follows */
    uint64_t inode;
    int64_t offset;                   /* of a write; length of a truncation */
};

static struct control none, *control = &none;
static int journal = -1;

__attribute__((constructor)) static void attach(void) {
    const char *name = getenv("FAULTS_CONTROL");
    int file = name ? syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0) : -1;
    if (file < 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing outlives whoever attacks it */
    void *shared = mmap(0, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) control = shared;
    syscall(SYS_close, file);
    if ((name = getenv("FAULTS_JOURNAL"))) {
        file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
        journal = fcntl(file, F_DUPFD_CLOEXEC, 500); /* out of the way of whoever counts his files */
        syscall(SYS_close, file);
    }
}

/* Whether a path is `root` or below it, and is more than a map of memory. */
static int watched(const char *path) {
    size_t length = strlen(control->root), all = strlen(path);
    if (!length || strncmp(path, control->root, length)) return 0;
    if (path[length] && path[length] != '/') return 0;
    return all < 4 || strcmp(path + all - 4, "-shm");
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, 4095);
    path[length < 0 ? 0 : length] = 0;
    return watched(path);
}

static int full_path(int folder, const char *name, char *path) {
    if (*name == '/' || folder == AT_FDCWD) {
        snprintf(path, 4096, "%s", name);
    } else {
        path_of(folder, path);
        strncat(path, "/", 4095 - strlen(path));
        strncat(path, name, 4095 - strlen(path));
    }
    return watched(path);
}

static uint64_t inode_of(int file) {
    struct stat status;
    return fstat(file, &status) ? 0 : status.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat status;
    return lstat(path, &status) ? 0 : status.st_ino;
}

static void note(int kind, uint64_t inode, int64_t offset, const char *path, const char *other,
                 const void *data, size_t length) {
    if (journal < 0) return;
    int kept = errno;
    struct record head = {kind, strlen(path), other ? strlen(other) : 0, length, inode, offset};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path},
                            {(void *)other, head.other}, {(void *)data, length}};
    syscall(SYS_writev, journal, parts, 4);
    errno = kept;
}

/* Count a call, and return what befalls it; errno is set for FAIL. */
static int befalls(int kind) {
    __atomic_add_fetch(&control->seen[__builtin_ctz(kind)], 1, __ATOMIC_RELAXED);
    if (!(control->kinds & kind)) return NOTHING;
    int64_t call = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
    int64_t at = control->at;
    if (!at || call < at || (call > at && !control->lasting)) return NOTHING;
    if (control->action == KILL) syscall(SYS_kill, getpid(), SIGKILL);
    errno = control->error;
    return control->action;
}

static void take(int64_t microseconds) {
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    if (microseconds) syscall(SYS_nanosleep, &time, 0);
}

/* --- writes ------------------------------------------------------------------------------- */

static ssize_t put(int file, const void *data, size_t length, off_t offset) {
    char path[4096];
    int ours = (file > 2 || offset >= 0) && path_of(file, path);
    if (ours) {
        take(control->write_us);
        int action = befalls(WRITE);
        if (action == FAIL) return -1;
        if (action == SHORT && length > 1) length /= 2;
    }
    ssize_t done = offset < 0 ? syscall(SYS_write, file, data, length)
                              : syscall(SYS_pwrite64, file, data, length, offset);
    if (ours && done > 0 && journal >= 0) {
        if (offset < 0) offset = lseek(file, 0, SEEK_CUR) - done;
        note(J_WRITE, inode_of(file), offset, path, 0, data, done);
    }
    return done;
}

ssize_t write(int file, const void *data, size_t length) { return put(file, data, length, -1); }
ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    return put(file, data, length, offset);
}
ssize_t pwrite64(int file, const void *data, size_t length, off_t offset) {
    return put(file, data, length, offset);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    char path[4096];
    if (!path_of(file, path)) return syscall(SYS_writev, file, parts, count);
    ssize_t sum = 0;
    for (int part = 0; part < count; part++) {
        ssize_t done = put(file, parts[part].iov_base, parts[part].iov_len, -1);
        if (done < 0) return sum ? sum : done;
        sum += done;
        if ((size_t)done < parts[part].iov_len) break;
    }
    return sum;
}

/* Copies within the kernel: refused, as some file systems do, so that callers write instead. */
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    char path[4096];
    if (path_of(to, path)) return errno = EINVAL, -1;
    return syscall(SYS_sendfile, to, from, offset, length);
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t length) {
    return sendfile(to, from, offset, length);
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *offset, size_t length,
                        unsigned flags) {
    char path[4096];
    if (path_of(to, path)) return errno = EXDEV, -1;
    return syscall(SYS_copy_file_range, from, at, to, offset, length, flags);
}

/* --- sync, truncate, allocate ------------------------------------------------------------- */

static int sync_file(int file, long call) {
    char path[4096];
    if (path_of(file, path)) {
        take(control->sync_us);
        if (befalls(SYNC) == FAIL) return note(J_LOST, inode_of(file), 0, path, 0, 0, 0), -1;
        note(J_SYNC, inode_of(file), 0, path, 0, 0, 0);
        if (journal >= 0) return 0; /* what it kept is in the journal */
    }
    return syscall(call, file);
}
int fsync(int file) { return sync_file(file, SYS_fsync); }
int fdatasync(int file) { return sync_file(file, SYS_fdatasync); }

int ftruncate(int file, off_t length) {
    char path[4096];
    int ours = path_of(file, path);
    if (ours && befalls(TRUNCATE) == FAIL) return -1;
    int done = syscall(SYS_ftruncate, file, length);
    if (ours && !done) note(J_TRUNCATE, inode_of(file), length, path, 0, 0, 0);
    return done;
}
int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

static int allocate(int file, int mode, off_t offset, off_t length) {
    char path[4096];
    int ours = path_of(file, path);
    if (ours && befalls(TRUNCATE) == FAIL) return -1;
    int done = syscall(SYS_fallocate, file, mode, offset, length);
    struct stat status;
    if (ours && !done && !fstat(file, &status))
        note(J_TRUNCATE, status.st_ino, status.st_size, path, 0, 0, 0);
    return done;
}
int fallocate(int file, int mode, off_t offset, off_t length) {
    return allocate(file, mode, offset, length);
}
int fallocate64(int file, int mode, off64_t offset, off64_t length) {
    return allocate(file, mode, offset, length);
}
int posix_fallocate(int file, off_t offset, off_t length) {
    return allocate(file, 0, offset, length) ? errno : 0;
}
int posix_fallocate64(int file, off64_t offset, off64_t length) {
    return allocate(file, 0, offset, length) ? errno : 0;
}

/* --- names -------------------------------------------------------------------------------- */

static int open_at(int folder, const char *name, int flags, mode_t mode) {
    char path[4096];
    int ours = full_path(folder, name, path);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (ours && writes && befalls(OPEN) == FAIL) return -1;
    uint64_t before = ours && writes ? inode_at(path) : 0;
    int file = syscall(SYS_openat, folder, name, flags, mode);
    if (ours && writes && file >= 0) {
        if (!before) note(J_CREATE, inode_of(file), 0, path, 0, 0, 0);
        else if (flags & O_TRUNC) note(J_TRUNCATE, before, 0, path, 0, 0, 0);
    }
    return file;
}

#define MODE(last) ({ va_list rest; va_start(rest, last); mode_t mode = va_arg(rest, mode_t); \
                      va_end(rest); mode; })
int open(const char *name, int flags, ...) { return open_at(AT_FDCWD, name, flags, MODE(flags)); }
int open64(const char *name, int flags, ...) { return open_at(AT_FDCWD, name, flags, MODE(flags)); }
int openat(int folder, const char *name, int flags, ...) {
    return open_at(folder, name, flags, MODE(flags));
}
int openat64(int folder, const char *name, int flags, ...) {
    return open_at(folder, name, flags, MODE(flags));
}
int __open_2(const char *name, int flags) { return open_at(AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return open_at(AT_FDCWD, name, flags, 0); }
int creat(const char *name, mode_t mode) {
    return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int renameat(int folder, const char *name, int to, const char *other) {
    char from[4096], into[4096];
    int ours = full_path(folder, name, from) | full_path(to, other, into);
    if (ours && befalls(NAME) == FAIL) return -1;
    int done = syscall(SYS_renameat2, folder, name, to, other, 0);
    if (ours && !done) note(J_RENAME, inode_at(into), 0, from, into, 0, 0);
    return done;
}
int rename(const char *name, const char *other) {
    return renameat(AT_FDCWD, name, AT_FDCWD, other);
}
int linkat(int folder, const char *name, int to, const char *other, int flags) {
    char from[4096], into[4096];
    int ours = full_path(folder, name, from) | full_path(to, other, into);
    if (ours && befalls(NAME) == FAIL) return -1;
    int done = syscall(SYS_linkat, folder, name, to, other, flags);
    if (ours && !done) note(J_LINK, inode_at(into), 0, from, into, 0, 0);
    return done;
}
int link(const char *name, const char *other) {
    return linkat(AT_FDCWD, name, AT_FDCWD, other, 0);
}
int unlinkat(int folder, const char *name, int flags) {
    char path[4096];
    int ours = full_path(folder, name, path);
    if (ours && befalls(NAME) == FAIL) return -1;
    int done = syscall(SYS_unlinkat, folder, name, flags);
    if (ours && !done) note(J_UNLINK, 0, 0, path, 0, 0, 0);
    return done;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int mkdirat(int folder, const char *name, mode_t mode) {
    char path[4096];
    int ours = full_path(folder, name, path);
    if (ours && befalls(NAME) == FAIL) return -1;
    int done = syscall(SYS_mkdirat, folder, name, mode);
    if (ours && !done) note(J_FOLDER, inode_at(path), 0, path, 0, 0, 0);
    return done;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* --- the wall clock ----------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = syscall(SYS_clock_gettime, clock, time);
    if (!done && control->clock_ns && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t at = time->tv_sec * 1000000000LL + time->tv_nsec + control->clock_ns;
        time->tv_sec = at / 1000000000;
        time->tv_nsec = at % 1000000000;
    }
    return done;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    time->tv_sec = exact.tv_sec;
    time->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *result) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (result) *result = exact.tv_sec;
    return exact.tv_sec;
}
