/* notes_db.h: SQLite as components: the path is a setting, one connection lives as long as the
 * worker, and each request that writes has a connection and transaction of its own, which is
 * committed where its response is a success. */
#ifndef OUTSIDER_NOTES_DB_H
#define OUTSIDER_NOTES_DB_H

#include <sextant/app.h>
#include <sqlite3.h>

SX_COMPONENT_DECLARE(notes_db, sqlite3);

struct transaction {
    sqlite3 *db;
    const struct sx_response *response;
};
SX_COMPONENT_DECLARE(transaction, struct transaction);

/* The hook that commits; its leave answers 500 where that fails. */
SX_HANDLER_DECLARE(transaction_enter);
SX_HANDLER_DECLARE(transaction_leave);

#endif
