# The headers of posix-compat, by name. They come before wasi-libc's, which lacks them or hides what is in them.
const posix_compat_h = r#'/* What the C library hides and posix-compat has: brought into every compilation by -include. */
#ifndef NUKA_POSIX_COMPAT_H
#define NUKA_POSIX_COMPAT_H
#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
/* owner.c */
int chown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
mode_t umask(mode_t);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
/* process.c */
pid_t getpid(void);
pid_t getppid(void);
pid_t fork(void);
pid_t vfork(void);
int execl(const char *, const char *, ...);
int execlp(const char *, const char *, ...);
int execv(const char *, char *const []);
int execvp(const char *, char *const []);
int execve(const char *, char *const [], char *const []);
int system(const char *);
FILE *popen(const char *, const char *);
int pclose(FILE *);
int pipe(int [2]);
int dup2(int, int);
int kill(pid_t, int);
unsigned alarm(unsigned);
int chroot(const char *);
/* nodirs.c or, where the program is linked with it, dirs.c */
int dup(int);
int fchdir(int);
/* node.c */
int mkfifo(const char *, mode_t);
int mknod(const char *, mode_t, dev_t);
/* temporary.c */
int mkstemp(char *);
int mkstemps(char *, int);
char *mkdtemp(char *);
char *mktemp(char *);
FILE *tmpfile(void);
char *tmpnam(char *);
/* time.c */
void tzset(void);
#ifdef __cplusplus
}
#endif
#ifndef L_tmpnam
#define L_tmpnam 20
#endif
#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#endif
#endif
'#

const pwd_h = r#'/* There are no users: every look-up finds nobody (users.c). */
#ifndef NUKA_POSIX_COMPAT_PWD_H
#define NUKA_POSIX_COMPAT_PWD_H
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
struct passwd { char *pw_name, *pw_passwd; uid_t pw_uid; gid_t pw_gid; char *pw_gecos, *pw_dir, *pw_shell; };
struct passwd *getpwuid(uid_t);
struct passwd *getpwnam(const char *);
#ifdef __cplusplus
}
#endif
#endif
'#

const grp_h = r#'/* There are no groups: every look-up finds none (users.c). */
#ifndef NUKA_POSIX_COMPAT_GRP_H
#define NUKA_POSIX_COMPAT_GRP_H
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
struct group { char *gr_name, *gr_passwd; gid_t gr_gid; char **gr_mem; };
struct group *getgrgid(gid_t);
struct group *getgrnam(const char *);
#ifdef __cplusplus
}
#endif
#endif
'#

const sys_wait_h = r#'/* There are no children to wait for (process.c). */
#ifndef NUKA_POSIX_COMPAT_SYS_WAIT_H
#define NUKA_POSIX_COMPAT_SYS_WAIT_H
#include <sys/types.h>
#define WNOHANG 1
#define WUNTRACED 2
#define WEXITSTATUS(s) (((s) >> 8) & 0xff)
#define WTERMSIG(s) ((s) & 0x7f)
#define WSTOPSIG(s) WEXITSTATUS(s)
#define WIFEXITED(s) (WTERMSIG(s) == 0)
#define WIFSIGNALED(s) (WTERMSIG(s) != 0 && WTERMSIG(s) != 0x7f)
#define WIFSTOPPED(s) (((s) & 0xff) == 0x7f)
#ifdef __cplusplus
extern "C" {
#endif
pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
#ifdef __cplusplus
}
#endif
#endif
'#

const signal_h = r#'/* wasi-libc's signal(), and the POSIX names over it (signal.c). Nothing comes from outside; raise() works. */
#ifndef NUKA_POSIX_COMPAT_SIGNAL_H
#define NUKA_POSIX_COMPAT_SIGNAL_H
#include_next <signal.h>
#include <sys/types.h>
#ifndef SIG_BLOCK
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#endif
#ifndef SA_RESTART
#define SA_NOCLDSTOP 1
#define SA_NODEFER 0x40000000
#define SA_RESETHAND 0x80000000
#define SA_RESTART 0x10000000
#endif
#ifdef __cplusplus
extern "C" {
#endif
typedef unsigned char sigset_t;
struct sigaction { void (*sa_handler)(int); sigset_t sa_mask; int sa_flags; };
int sigemptyset(sigset_t *);
int sigfillset(sigset_t *);
int sigaddset(sigset_t *, int);
int sigdelset(sigset_t *, int);
int sigismember(const sigset_t *, int);
int sigprocmask(int, const sigset_t *__restrict, sigset_t *__restrict);
int sigaction(int, const struct sigaction *__restrict, struct sigaction *__restrict);
#ifdef __cplusplus
}
#endif
#endif
'#

const termios_h = r#'/* No terminal can be set: it fails with ENOTTY (terminal.c). */
#ifndef NUKA_POSIX_COMPAT_TERMIOS_H
#define NUKA_POSIX_COMPAT_TERMIOS_H
typedef unsigned tcflag_t;
typedef unsigned char cc_t;
typedef unsigned speed_t;
#define NCCS 32
struct termios { tcflag_t c_iflag, c_oflag, c_cflag, c_lflag; cc_t c_cc[NCCS]; };
#define ICANON 2
#define ECHO 8
#define ECHONL 0100
#define TCSANOW 0
#define TCSADRAIN 1
#define TCSAFLUSH 2
#ifdef __cplusplus
extern "C" {
#endif
int tcgetattr(int, struct termios *);
int tcsetattr(int, int, const struct termios *);
#ifdef __cplusplus
}
#endif
#endif
'#

export const files = {
  "posix-compat.h": $posix_compat_h
  "pwd.h": $pwd_h
  "grp.h": $grp_h
  "sys/wait.h": $sys_wait_h
  "signal.h": $signal_h
  "termios.h": $termios_h
}
