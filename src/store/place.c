#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME "ringback.lock"
enum { TURN_WAIT_MS = 5000, LOCK_WAIT_MS = 1000, LOCK_STEP_MS = 10 };

static rb_err fail(struct rb_buf *why, const char *what, const char *dir)
{
    int error = errno;
    rb_buf_add_fmt(why, "Cannot %s %s: %s.", what, dir, strerror(error));
    return error == ENOSPC || error == EDQUOT ? RB_DISK_FULL : RB_STORE_FAILED;
}

/* fsync of what holds the new name: without it the directory itself could be missing after a power failure.
 */
static void sync_parent(const char *dir)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/..", dir) >= sizeof path) return;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return; /* not readable for us, and nothing to be done about it */
    fsync(fd);
    close(fd);
}

static rb_err make_directory(const char *dir, struct rb_buf *why)
{
    if (mkdir(dir, 0700) == 0) {
        sync_parent(dir);
        return RB_OK;
    }
    return errno == EEXIST ? RB_OK : fail(why, "make the data directory", dir);
}

/* The process that holds the lock wrote its number into the file. */
static rb_err fail_locked(int fd, const char *dir, struct rb_buf *why)
{
    char owner[16] = "";
    ssize_t n = pread(fd, owner, sizeof owner - 1, 0);
    size_t digits = n > 0 ? strspn(owner, "0123456789") : 0;
    if (digits)
        rb_buf_add_fmt(why, "Another server (process %.*s) uses %s.", (int)digits, owner, dir);
    else
        rb_buf_add_fmt(why, "Another server uses %s.", dir);
    return RB_LOCKED;
}

/* A server that was killed may leave a child between fork and exec, which holds the lock for another moment;
 * who restarts it at once should not be refused for that. */
static bool lock_within(int fd, int most_ms)
{
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_STEP_MS) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || waited_ms >= most_ms) return false;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_STEP_MS * 1000000}, NULL);
    }
    return true;
}

static rb_err take_lock(struct rb_place *place, const char *dir, struct rb_buf *why)
{
    int fd = openat(place->dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(why, "open the lock file in", dir);
    if (!lock_within(fd, LOCK_WAIT_MS)) {
        rb_err err = errno == EWOULDBLOCK ? fail_locked(fd, dir, why) : fail(why, "lock", dir);
        close(fd);
        return err;
    }
    char number[16];
    int n = snprintf(number, sizeof number, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0) {
        ssize_t written =
            pwrite(fd, number, (size_t)n, 0); /* only for the message above: the lock is held without it */
        (void)written;
    }
    place->lock_fd = fd;
    return RB_OK;
}

/* Made here so that it is nobody else's to read; never opened when it exists, since closing it would drop the
 * record locks that SQLite may hold on it elsewhere in this process. */
static rb_err make_database(struct rb_place *place, const char *dir, struct rb_buf *why)
{
    int fd = openat(place->dir_fd, RB_PLACE_DATABASE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno == EEXIST ? RB_OK : fail(why, "make a database in", dir);
    close(fd);
    return RB_OK;
}

rb_err rb_place_open(struct rb_place *place, const char *dir, bool as_server, struct rb_buf *why)
{
    *place = (struct rb_place){.dir_fd = -1, .lock_fd = -1};
    rb_err err = make_directory(dir, why);
    if (err != RB_OK) return err;
    place->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->dir_fd < 0) return fail(why, "open the data directory", dir);
    if (as_server) err = take_lock(place, dir, why);
    if (err == RB_OK) err = make_database(place, dir, why);
    if (err != RB_OK) rb_place_close(place);
    return err;
}

void rb_place_close(struct rb_place *place)
{
    if (place->lock_fd >= 0) close(place->lock_fd);
    if (place->dir_fd >= 0) close(place->dir_fd);
    *place = (struct rb_place){.dir_fd = -1, .lock_fd = -1};
}

rb_err rb_place_sync(struct rb_place *place)
{
    if (fsync(place->dir_fd) == 0) return RB_OK;
    return errno == ENOSPC || errno == EDQUOT ? RB_DISK_FULL : RB_STORE_FAILED;
}

/* flock has no timeout of its own. A turn lasts milliseconds and is nearly never contended, so asking again
 * is enough. */
rb_err rb_place_take_turn(struct rb_place *place)
{
    for (int waited_ms = 0; waited_ms < TURN_WAIT_MS; waited_ms++) {
        if (flock(place->dir_fd, LOCK_EX | LOCK_NB) == 0) return RB_OK;
        if (errno != EWOULDBLOCK && errno != EINTR) return RB_STORE_FAILED;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return RB_STORE_FAILED;
}

void rb_place_end_turn(struct rb_place *place)
{
    flock(place->dir_fd, LOCK_UN);
}
