/* notes_db.c: a component of a user: an SQLite database for each worker. */
#include "notes_db.h"

static struct sx_result notes_db_open(sqlite3 **db, const char *database)
{
    static const char schema[] = "create table if not exists notes (id integer primary key, text)";
    if (sqlite3_open(database, db) != SQLITE_OK ||
        sqlite3_exec(*db, schema, NULL, NULL, NULL) != SQLITE_OK) {
        struct sx_result result = sx_startup_error("%s: %s", database, sqlite3_errmsg(*db));
        sqlite3_close(*db);
        return result;
    }
    return sx_continue();
}

static void notes_db_close(sqlite3 *db)
{
    sqlite3_close(db);
}

SX_PROVIDER(notes_db, worker, notes_db_open, notes_db_close,
            (setting, str, database, SX_DEFAULT("notes.db"), SX_HELP("path of the database")));

static struct sx_result transaction_begin(struct transaction *transaction, const char *database,
                                          struct sx_response *response)
{
    transaction->response = response;
    if (sqlite3_open(database, &transaction->db) != SQLITE_OK ||
        sqlite3_busy_timeout(transaction->db, 1000) != SQLITE_OK ||
        sqlite3_exec(transaction->db, "begin immediate", NULL, NULL, NULL) != SQLITE_OK) {
        struct sx_result result = sx_fail(503, "the database is busy");
        sqlite3_close(transaction->db);
        return result;
    }
    return sx_continue();
}

/* What was not committed is rolled back, whatever happened. */
static void transaction_end(struct transaction *transaction)
{
    if (sqlite3_get_autocommit(transaction->db) == 0) {
        sqlite3_exec(transaction->db, "rollback", NULL, NULL, NULL);
    }
    sqlite3_close(transaction->db);
}

SX_COMPONENT(transaction, request, transaction_begin, transaction_end,
             (setting, str, database, SX_DEFAULT("notes.db")), (inject, sx_response, response));

static struct sx_result transaction_enter(struct transaction *transaction)
{
    return transaction->db == NULL ? sx_fail(500, "no database") : sx_continue();
}
SX_BIND_SHARED(transaction_enter, (inject, transaction, transaction));

static struct sx_result transaction_leave(struct transaction *transaction)
{
    if (sx_response_get_status(transaction->response) >= 400) {
        return sx_continue();
    }
    return sqlite3_exec(transaction->db, "commit", NULL, NULL, NULL) == SQLITE_OK
               ? sx_continue()
               : sx_fail(500, "commit: %s", sqlite3_errmsg(transaction->db));
}
SX_BIND_SHARED(transaction_leave, (inject, transaction, transaction));
