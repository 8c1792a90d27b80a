/* notes.c: notes in a database, measured, with an access log. */
#include "access_log.h"
#include "notes_db.h"

#include <sextant/prometheus.h>

static struct sx_result add_note(const char *text, struct transaction *transaction)
{
    sqlite3 *db = transaction->db;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_prepare_v2(db, "insert into notes (text) values (?)", -1, &insert, NULL) !=
        SQLITE_OK) {
        return sx_fail(500, "%s", sqlite3_errmsg(db));
    }
    sqlite3_bind_text(insert, 1, text, -1, SQLITE_TRANSIENT);
    int done = sqlite3_step(insert);
    sqlite3_finalize(insert);
    if (done != SQLITE_DONE) {
        return sx_fail(500, "%s", sqlite3_errmsg(db));
    }
    if (text[0] == '!') {
        return sx_fail(409, "this note is refused, after it was written");
    }
    return sx_with_status(sx_json("{s:I}", "id", (long long)sqlite3_last_insert_rowid(db)), 201);
}
SX_BIND(add_note, (form, str, text), (inject, transaction, transaction));

static struct sx_result count_notes(sqlite3 *db)
{
    sqlite3_stmt *count = NULL;
    long long notes = -1;
    if (sqlite3_prepare_v2(db, "select count(*) from notes", -1, &count, NULL) == SQLITE_OK &&
        sqlite3_step(count) == SQLITE_ROW) {
        notes = sqlite3_column_int64(count, 0);
    }
    sqlite3_finalize(count);
    return notes < 0 ? sx_fail(500, "%s", sqlite3_errmsg(db)) : sx_json("{s:I}", "notes", notes);
}
SX_BIND(count_notes, (inject, notes_db, db));

static const struct sx_hook writing[] = {SX_HOOK(transaction_enter, transaction_leave)};
static const struct sx_route routes[] = {
    SX_POST("/notes", add_note, .hooks = SX_LIST(writing)),
    SX_GET("/notes", count_notes),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    const struct access_log_options log = {.path = "access.log"};
    return sx_app_main(
        argc, argv,
        &(struct sx_app_options){
            .routes = SX_LIST(routes),
            .components = SX_COMPONENTS(sx_prometheus, (access_log, &log), notes_db, transaction),
            .settings_prefix = "NOTES_",
        });
}
