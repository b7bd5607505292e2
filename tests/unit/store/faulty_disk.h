/* A disk that fails when told to: SQLite's own file layer with its write and sync replaced. Put in place
 * once, before the first database is opened. */
#ifndef FAULTY_DISK_H
#define FAULTY_DISK_H

#include <sqlite3.h>
#include <stdatomic.h>

static _Atomic int disk_write_code; /* SQLITE_OK, or what every write answers */
static _Atomic int disk_sync_code;
static _Atomic unsigned disk_syncs; /* of the WAL and of databases */

static sqlite3_vfs *real_vfs, faulty_vfs;

/* The "unix" layer has two sets of methods: for databases, and for all else (WAL, journals), which is not
 * locked. */
struct methods {
    const sqlite3_io_methods *real;
    sqlite3_io_methods faulty;
};
static struct methods of_databases, of_others;

static const sqlite3_io_methods *real_methods(const sqlite3_file *file)
{
    return file->pMethods == &of_databases.faulty ? of_databases.real : of_others.real;
}

static int faulty_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    int code = atomic_load(&disk_write_code);
    return code != SQLITE_OK ? code : real_methods(file)->xWrite(file, p, n, at);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
    int code = atomic_load(&disk_sync_code);
    atomic_fetch_add(&disk_syncs, 1);
    return code != SQLITE_OK ? code : real_methods(file)->xSync(file, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    int code = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    if (code != SQLITE_OK) return code;
    struct methods *methods = flags & SQLITE_OPEN_MAIN_DB ? &of_databases : &of_others;
    if (!methods->real) {
        methods->real = file->pMethods;
        methods->faulty = *file->pMethods;
        methods->faulty.xWrite = faulty_write;
        methods->faulty.xSync = faulty_sync;
    }
    if (file->pMethods == methods->real) file->pMethods = &methods->faulty;
    return SQLITE_OK;
}

static int install_faulty_disk(void **state)
{
    (void)state;
    real_vfs = sqlite3_vfs_find(NULL);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.xOpen = faulty_open;
    return sqlite3_vfs_register(&faulty_vfs, 1);
}

#endif
