#include "files/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A worker may have taken our rights to its own directories away; it did not mean to hide them from us. */
static int open_dir(int dir_fd, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags);
    if (fd >= 0 || errno != EACCES) return fd;
    struct stat stat;
    if (fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(stat.st_mode)) return -1;
    if (fchmodat(dir_fd, name, 0700, 0) != 0) return -1;
    return openat(dir_fd, name, flags);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool has_vanished(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* ---- walking ---- */

struct walk {
    tree_visit_fn *visit;
    void *arg;
    struct rb_buf path;
};

static enum tree_end walk_dir(struct walk *walk, int take_fd, unsigned depth);

static enum tree_end walk_entry(struct walk *walk, int dir_fd, const char *name, unsigned depth)
{
    struct stat stat;
    if (fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return has_vanished(errno) ? TREE_DONE : TREE_FAILED;
    if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) return TREE_DONE;
    if (walk->path.n) rb_buf_add_char(&walk->path, '/');
    rb_buf_add_text(&walk->path, name);
    if (walk->path.n > TREE_PATH_BYTES_MAX) return TREE_TOO_DEEP;
    if (S_ISREG(stat.st_mode)) {
        rb_str path = rb_str_of(rb_buf_text(&walk->path));
        return walk->visit(walk->arg, dir_fd, name, path, &stat) ? TREE_DONE : TREE_STOPPED;
    }
    if (depth == TREE_DEPTH_MAX) return TREE_TOO_DEEP;
    int fd = open_dir(dir_fd, name);
    if (fd < 0) return has_vanished(errno) ? TREE_DONE : TREE_FAILED;
    return walk_dir(walk, fd, depth + 1);
}

static enum tree_end walk_dir(struct walk *walk, int take_fd, unsigned depth)
{
    DIR *dir = fdopendir(take_fd);
    if (!dir) {
        int error = errno;
        close(take_fd);
        errno = error;
        return TREE_FAILED;
    }
    enum tree_end end = TREE_DONE;
    struct dirent *entry;
    while (end == TREE_DONE && (errno = 0, entry = readdir(dir)) != NULL) {
        size_t path_bytes = walk->path.n;
        if (!is_dots(entry->d_name)) end = walk_entry(walk, take_fd, entry->d_name, depth);
        walk->path.n = path_bytes;
    }
    int error = errno;
    if (end == TREE_DONE && error) end = TREE_FAILED;
    closedir(dir);
    errno = error;
    return end;
}

enum tree_end tree_walk(const char *root, tree_visit_fn *visit, void *arg)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return has_vanished(errno) ? TREE_DONE : TREE_FAILED;
    struct walk walk = {.visit = visit, .arg = arg};
    enum tree_end end = walk_dir(&walk, fd, 1);
    rb_buf_fini(&walk.path);
    return end;
}

/* ---- removing ---- Each level of depth holds a descriptor. A tree deeper than we want to spend is
 * flattened: its lower part is moved up to the root and met there again. */

struct removal {
    int root_fd;
    unsigned moved; /* names of what was moved up */
    bool must_look_again;
};

static void move_up(struct removal *removal, int dir_fd, const char *name)
{
    char up[32];
    do {
        snprintf(up, sizeof up, ".deep-%u", removal->moved++);
    } while (renameat(dir_fd, name, removal->root_fd, up) != 0 &&
             (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR));
    removal->must_look_again = true;
}

static void remove_below(struct removal *removal, int take_fd, unsigned depth)
{
    DIR *dir = fdopendir(take_fd);
    if (!dir) {
        close(take_fd);
        return;
    }
    fchmod(take_fd, 0700);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (is_dots(entry->d_name) || unlinkat(take_fd, entry->d_name, 0) == 0) continue;
        if (errno != EISDIR && errno != EPERM) continue;
        int fd = depth < TREE_DEPTH_MAX ? open_dir(take_fd, entry->d_name) : -1;
        if (fd >= 0) remove_below(removal, fd, depth + 1);
        if (unlinkat(take_fd, entry->d_name, AT_REMOVEDIR) != 0 && depth == TREE_DEPTH_MAX)
            move_up(removal, take_fd, entry->d_name);
    }
    closedir(dir);
}

bool tree_remove(int dir_fd, const char *name)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT) return true;
    struct removal removal = {.root_fd = open_dir(dir_fd, name)};
    if (removal.root_fd < 0) return errno == ENOENT;
    do {
        removal.must_look_again = false;
        int fd = openat(removal.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) remove_below(&removal, fd, 1);
    } while (removal.must_look_again);
    close(removal.root_fd);
    return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}
