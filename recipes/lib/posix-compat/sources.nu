# The C files of posix-compat, by name. Beside each function stands who wanted it.
const owner_c = r#'/* Trees have no owners: to set one succeeds without effect. Everybody is one user, who is not root, so that no
 * program tries what only root may do. */
#include "posix-compat.h"
#define UNUSED __attribute__((unused))
enum { SOMEBODY = 1000 };
int chown(UNUSED const char *path, UNUSED uid_t user, UNUSED gid_t group) { return 0; }  /* bzip2, bsdtar -x */
int lchown(UNUSED const char *path, UNUSED uid_t user, UNUSED gid_t group) { return 0; } /* bsdtar -x */
int fchown(UNUSED int file, UNUSED uid_t user, UNUSED gid_t group) { return 0; }         /* bzip2, zstd, sqlite */
uid_t getuid(void) { return SOMEBODY; }   /* bsdtar */
uid_t geteuid(void) { return SOMEBODY; }  /* bsdtar, sqlite */
gid_t getgid(void) { return SOMEBODY; }   /* bsdtar */
gid_t getegid(void) { return SOMEBODY; }  /* bsdtar */
mode_t umask(mode_t mask) { /* bzip2, zstd, bsdtar; it masks nothing, but is remembered */
  static mode_t now = 022;
  mode_t was = now;
  now = mask & 0777;
  return was;
}
'#

const mode_c = r#'/* A tree knows no modes but "executable". wasi-libc answers ENOSYS, which programs take for a broken disk.
 * Linked with --wrap, because wasi-libc's own stand in an object that every program gets. */
#include <sys/types.h>
#define UNUSED __attribute__((unused))
int __wrap_chmod(UNUSED const char *path, UNUSED mode_t mode) { return 0; } /* zstd, bsdtar -x, mutool */
int __wrap_fchmod(UNUSED int file, UNUSED mode_t mode) { return 0; }        /* bzip2, file -C, bsdtar -x */
int __wrap_fchmodat(UNUSED int directory, UNUSED const char *path, UNUSED mode_t mode, UNUSED int flags) { /* bsdtar */
  return 0;
}
'#

const stat_c = r#'/* WASI tells no modes and no owners: all files would be mode 000 and root's, and archives would keep that.
 * For programs that keep modes (bsdtar), which are linked with --wrap=stat and its like. */
#include "posix-compat.h"
#include <sys/stat.h>
int __real_stat(const char *, struct stat *);
int __real_lstat(const char *, struct stat *);
int __real_fstat(int, struct stat *);
int __real_fstatat(int, const char *, struct stat *, int);
static int usual(int result, struct stat *s) {
  if (result) return result;
  s->st_mode |= S_ISDIR(s->st_mode) ? 0755 : S_ISLNK(s->st_mode) ? 0777 : 0644;
  s->st_uid = getuid();
  s->st_gid = getgid();
  return 0;
}
int __wrap_stat(const char *path, struct stat *s) { return usual(__real_stat(path, s), s); }
int __wrap_lstat(const char *path, struct stat *s) { return usual(__real_lstat(path, s), s); }
int __wrap_fstat(int file, struct stat *s) { return usual(__real_fstat(file, s), s); }
int __wrap_fstatat(int directory, const char *path, struct stat *s, int flags) {
  return usual(__real_fstatat(directory, path, s, flags), s);
}
'#

const users_c = r#'/* There is no data base of users and groups; programs then show numbers. */
#include <grp.h>
#include <pwd.h>
#define UNUSED __attribute__((unused))
struct passwd *getpwuid(UNUSED uid_t user) { return NULL; }       /* sqlite (its home), bsdtar */
struct passwd *getpwnam(UNUSED const char *name) { return NULL; } /* bsdtar */
struct group *getgrgid(UNUSED gid_t group) { return NULL; }       /* bsdtar */
struct group *getgrnam(UNUSED const char *name) { return NULL; }  /* bsdtar */
'#

const process_c = r#'/* There is one process, and it can start no other: every attempt fails with ENOSYS. */
#include "posix-compat.h"
#include <errno.h>
#include <sys/wait.h>
#define UNUSED __attribute__((unused))
static int no(void) {
  errno = ENOSYS;
  return -1;
}
pid_t getpid(void) { return 1; }    /* sqlite, zstd, file */
pid_t getppid(void) { return 0; }   /* quickjs */
pid_t fork(void) { return no(); }   /* file -z, libarchive's filters, quickjs */
pid_t vfork(void) { return no(); }  /* libarchive's filters */
int execl(UNUSED const char *path, UNUSED const char *arg, ...) { return no(); }      /* sqlite */
int execlp(UNUSED const char *name, UNUSED const char *arg, ...) { return no(); }     /* zstd */
int execv(UNUSED const char *path, UNUSED char *const argv[]) { return no(); }        /* quickjs */
int execvp(UNUSED const char *name, UNUSED char *const argv[]) { return no(); }       /* file -z, libarchive */
int execve(UNUSED const char *path, UNUSED char *const argv[], UNUSED char *const env[]) { return no(); } /* quickjs */
int system(const char *command) { return command ? no() : 0; } /* lua; NULL asks whether there is a shell */
FILE *popen(UNUSED const char *command, UNUSED const char *mode) { /* lua, sqlite, quickjs */
  no();
  return NULL;
}
int pclose(UNUSED FILE *file) { return no(); }                 /* lua, sqlite, quickjs */
int pipe(UNUSED int ends[2]) { return no(); }                  /* file -z, libarchive, quickjs */
int dup2(UNUSED int from, UNUSED int to) { return no(); }      /* file -z, libarchive */
int kill(UNUSED pid_t process, UNUSED int number) { return no(); } /* libarchive, quickjs */
unsigned alarm(UNUSED unsigned seconds) { return 0; }          /* bsdtar */
int chroot(UNUSED const char *path) { return no(); }           /* bsdtar --chroot */
static pid_t no_child(void) {
  errno = ECHILD;
  return -1;
}
pid_t wait(UNUSED int *status) { return no_child(); }          /* file -z */
pid_t waitpid(UNUSED pid_t process, UNUSED int *status, UNUSED int flags) { return no_child(); } /* libarchive */
'#

const node_c = r#'/* A tree holds no devices and no fifos. */
#include "posix-compat.h"
#include <errno.h>
#define UNUSED __attribute__((unused))
int mkfifo(UNUSED const char *path, UNUSED mode_t mode) { /* bsdtar -x */
  errno = ENOSYS;
  return -1;
}
int mknod(UNUSED const char *path, UNUSED mode_t mode, UNUSED dev_t device) { /* bsdtar -x */
  errno = ENOSYS;
  return -1;
}
'#

const nodirs_c = r#'/* What WASI cannot do with an open file; dirs.c can for directories, in programs that are linked with it. */
#include "posix-compat.h"
#include <errno.h>
#define UNUSED __attribute__((unused))
int dup(UNUSED int file) { /* file, bsdcat */
  errno = ENOSYS;
  return -1;
}
int fchdir(UNUSED int directory) { /* bsdcat */
  errno = ENOSYS;
  return -1;
}
'#

const signal_c = r#'/* sigaction over wasi-libc's emulated signal(); masks that block nothing, as nothing comes from outside. */
#include <signal.h>
#define UNUSED __attribute__((unused))
int sigemptyset(sigset_t *set) { *set = 0; return 0; }                       /* lua, libarchive */
int sigfillset(sigset_t *set) { *set = (sigset_t)-1; return 0; }             /* liblzma */
int sigaddset(UNUSED sigset_t *set, UNUSED int number) { return 0; }         /* liblzma */
int sigdelset(UNUSED sigset_t *set, UNUSED int number) { return 0; }         /* the set with the others */
int sigismember(UNUSED const sigset_t *set, UNUSED int number) { return 0; } /* the set with the others */
int sigprocmask(UNUSED int how, UNUSED const sigset_t *set, sigset_t *old) { /* liblzma, libarchive */
  if (old) *old = 0;
  return 0;
}
int sigaction(int number, const struct sigaction *action, struct sigaction *old) { /* lua, bsdtar */
  void (*was)(int) = signal(number, action ? action->sa_handler : SIG_DFL);
  if (was == SIG_ERR) return -1;
  if (!action) signal(number, was);
  if (old) {
    old->sa_handler = was;
    old->sa_mask = 0;
    old->sa_flags = 0;
  }
  return 0;
}
'#

const terminal_c = r#'/* There is no terminal whose settings could be changed. */
#include <errno.h>
#include <termios.h>
#define UNUSED __attribute__((unused))
int tcgetattr(UNUSED int file, UNUSED struct termios *t) { /* bsdtar, for pass phrases */
  errno = ENOTTY;
  return -1;
}
int tcsetattr(UNUSED int file, UNUSED int when, UNUSED const struct termios *t) { /* bsdtar, for pass phrases */
  errno = ENOTTY;
  return -1;
}
'#

const time_c = r#'/* The time zone is UTC. */
#include "posix-compat.h"
void tzset(void) {} /* file, bsdtar, quickjs */
'#

const temporary_c = r#'/* Files under names that are made unique by the host's random numbers, which are the same in every build. */
#include "posix-compat.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
enum { TRIES = 100, PLACES = 6 };
static char *places(char *name, int suffix) {
  size_t length = strlen(name);
  if (suffix < 0 || length < PLACES + (size_t)suffix) return NULL;
  char *at = name + length - PLACES - suffix;
  return memcmp(at, "XXXXXX", PLACES) ? NULL : at;
}
static void fill(char *at) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
  uint32_t random = 0;
  getentropy(&random, sizeof random);
  for (int i = 0; i < PLACES; i++, random >>= 5) at[i] = letters[random & 31];
}
int mkstemps(char *name, int suffix) { /* the set with mkstemp */
  char *at = places(name, suffix);
  if (!at) {
    errno = EINVAL;
    return -1;
  }
  for (int tries = 0; tries < TRIES; tries++) {
    fill(at);
    int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file >= 0 || errno != EEXIST) return file;
  }
  return -1;
}
int mkstemp(char *name) { return mkstemps(name, 0); } /* file -C, lua, libarchive, mutool */
char *mkdtemp(char *name) { /* the set with mkstemp */
  char *at = places(name, 0);
  if (!at) {
    errno = EINVAL;
    return NULL;
  }
  for (int tries = 0; tries < TRIES; tries++) {
    fill(at);
    if (!mkdir(name, 0700)) return name;
    if (errno != EEXIST) return NULL;
  }
  return NULL;
}
char *mktemp(char *name) { /* libarchive */
  char *at = places(name, 0);
  struct stat s;
  for (int tries = 0; at && tries < TRIES; tries++) {
    fill(at);
    if (lstat(name, &s)) return name;
  }
  if (!at) errno = EINVAL;
  *name = 0;
  return name;
}
FILE *tmpfile(void) { /* lua, quickjs */
  char name[] = P_tmpdir "/tmp.XXXXXX";
  int file = mkstemp(name);
  if (file < 0) return NULL;
  FILE *stream = fdopen(file, "w+b");
  unlink(name); /* the open file outlives its name */
  if (!stream) close(file);
  return stream;
}
char *tmpnam(char *name) { /* lua without mkstemp */
  static char own[L_tmpnam];
  static const char pattern[] = P_tmpdir "/tmp.XXXXXX";
  _Static_assert(sizeof pattern <= L_tmpnam, "the name has room");
  char *to = memcpy(name ? name : own, pattern, sizeof pattern);
  return *mktemp(to) ? to : NULL;
}
'#

export const files = {
  "owner.c": $owner_c
  "mode.c": $mode_c
  "stat.c": $stat_c
  "users.c": $users_c
  "process.c": $process_c
  "node.c": $node_c
  "nodirs.c": $nodirs_c
  "signal.c": $signal_c
  "terminal.c": $terminal_c
  "time.c": $time_c
  "temporary.c": $temporary_c
}

# An archive of its own, which is linked before posix-compat with --wrap=open --wrap=openat.
export const dirs = r#'/* Names for open directories. WASI lets no open directory reach above itself, cannot duplicate one and cannot
 * make one the working directory; programs that walk trees by open directories (libarchive) do all three. So
 * the names under which directories were opened are remembered, and "..", dup() and fchdir() go by name. */
#include "posix-compat.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
enum { MOST = 256 };
static char *names[MOST];
int __real_open(const char *, int, ...);
int __real_openat(int, const char *, int, ...);

static void remember(int file, char *name) {
  if (file < 0 || file >= MOST) {
    free(name);
    return;
  }
  free(names[file]);
  names[file] = name;
}
static const char *known(int file) { return file >= 0 && file < MOST ? names[file] : NULL; }

/* base/path without ".", and with ".." taken back; without a base it is below the working directory. */
static char *join(const char *base, const char *path) {
  char here[PATH_MAX];
  if (*path == '/') base = "";
  else if (!base) base = getcwd(here, sizeof here);
  if (!base) return NULL;
  size_t length = strlen(base);
  char *joined = malloc(length + strlen(path) + 3);
  if (!joined) return NULL;
  memcpy(joined, base, length);
  while (length && joined[length - 1] == '/') length--;
  while (*path) {
    size_t part = strcspn(path, "/");
    if (part == 2 && path[0] == '.' && path[1] == '.') {
      while (length && joined[length - 1] != '/') length--;
      while (length && joined[length - 1] == '/') length--;
    } else if (part && !(part == 1 && path[0] == '.')) {
      joined[length++] = '/';
      memcpy(joined + length, path, part);
      length += part;
    }
    path += part;
    path += strspn(path, "/");
  }
  if (!length) joined[length++] = '/';
  joined[length] = 0;
  return joined;
}
static int opened(int file, char *name) {
  struct stat s;
  int keep = errno;
  if (file >= 0 && !fstat(file, &s) && S_ISDIR(s.st_mode)) {
    remember(file, name);
  } else {
    free(name);
    remember(file, NULL);
  }
  errno = keep;
  return file;
}
static int mode_of(int flags, va_list arguments) { return flags & O_CREAT ? va_arg(arguments, int) : 0; }
int __wrap_openat(int directory, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = mode_of(flags, arguments);
  va_end(arguments);
  const char *base = known(directory);
  if (directory != AT_FDCWD && !base) return opened(__real_openat(directory, path, flags, mode), NULL);
  char *name = join(base, path);
  int up = name && (!strcmp(path, "..") || !strncmp(path, "../", 3));
  return opened(up ? __real_open(name, flags, mode) : __real_openat(directory, path, flags, mode), name);
}
int __wrap_open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(__real_open(path, flags, mode), join(NULL, path));
}
int fchdir(int directory) {
  if (known(directory)) return chdir(known(directory));
  errno = ENOSYS;
  return -1;
}
int dup(int file) {
  struct stat s;
  if (fstat(file, &s)) return -1;
  if (!S_ISDIR(s.st_mode)) {
    errno = ENOSYS;
    return -1;
  }
  int other = __real_openat(file, ".", O_RDONLY | O_DIRECTORY);
  remember(other, known(file) ? strdup(known(file)) : NULL);
  return other;
}
'#

# What the check runs.
export const test = r#'/* Calls what a program may well call. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#define WANT(what) if (!(what)) { printf("line %d: %s (errno %d)\n", __LINE__, #what, errno); return 1; }
static int caught;
static void handler(int number) { caught = number; }
int main(void) {
  WANT(system(NULL) == 0 && system("true") == -1 && errno == ENOSYS);
  WANT(fork() == -1 && popen("true", "r") == NULL && waitpid(1, NULL, 0) == -1 && errno == ECHILD);
  WANT(getpid() > 0 && getuid() != 0 && getpwuid(getuid()) == NULL);
  WANT(chown("/tmp", 0, 0) == 0 && chmod("/tmp", 0700) == 0 && umask(077) == 022 && umask(022) == 077);
  struct termios t;
  WANT(tcgetattr(0, &t) == -1 && errno == ENOTTY);

  struct sigaction action = {.sa_handler = handler}, old;
  WANT(sigaction(SIGUSR1, &action, NULL) == 0 && raise(SIGUSR1) == 0 && caught == SIGUSR1);
  WANT(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == handler);

  char one[] = "/tmp/aXXXXXX", two[] = "/tmp/aXXXXXX", three[] = "/tmp/bXXXXXX", bad[] = "/tmp/c", end[] = "XXXXXX.c";
  WANT(mkstemp(one) >= 0 && mkstemp(two) >= 0 && strcmp(one, two) && !strchr(one, 'X'));
  struct stat s;
  WANT(mkdtemp(three) && stat(three, &s) == 0 && S_ISDIR(s.st_mode));
  WANT(mkstemp(bad) == -1 && errno == EINVAL);
  WANT(mkstemps(end, 2) >= 0 && !strcmp(end + 6, ".c"));
  FILE *file = tmpfile();
  char back[4] = "";
  WANT(file && fputs("abc", file) >= 0 && fseek(file, 0, SEEK_SET) == 0 && fgets(back, 4, file) && !strcmp(back, "abc"));
  WANT(tmpnam(NULL) && stat(tmpnam(NULL), &s) == -1 && errno == ENOENT);
  puts("all is well");
  return 0;
}
'#
