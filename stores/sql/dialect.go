package bearersql

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Dialect is a kind of database. The zero value is none.
type Dialect int

// The databases.
const (
	PostgreSQL Dialect = iota + 1
	MySQL              // and MariaDB
	SQLite
)

// String returns the name of the database, in lower case.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "postgres"
	case MySQL:
		return "mysql"
	case SQLite:
		return "sqlite"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

// rebind returns a query for the dialect: each {prefix} becomes that of the
// tables, {standby} the expression of that name, and for PostgreSQL each ? a
// numbered placeholder. No query has any of them in a text.
func (d Dialect) rebind(query, prefix string) string {
	query = strings.NewReplacer("{prefix}", prefix, "{standby}", d.standby()).Replace(query)
	if d != PostgreSQL {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}

// A fault is what an error of a driver means for a store.
type fault int

const (
	faultOther     fault = iota
	faultDuplicate       // a unique index has the value already
	faultConflict        // another transaction was faster: nothing was done
	faultBusy            // SQLite: another connection writes
	faultNoTable         // there is no such table
	faultDenied          // the user may not
	faultFull            // MySQL: too many statements are prepared; nothing was done
)

// isTriedAgain reports whether nothing was done, and may be done by another try.
func (f fault) isTriedAgain() bool { return f == faultConflict || f == faultFull }

// faultOf finds out what an error of a driver means. No driver is imported: those
// of PostgreSQL tell SQLState, those of SQLite a code, and that of MySQL its
// number in the text alone.
func (d Dialect) faultOf(err error) fault {
	if err == nil {
		return faultOther
	}
	switch d {
	case PostgreSQL:
		var e interface{ SQLState() string }
		if errors.As(err, &e) {
			return postgresFault(e.SQLState(), err)
		}
	case MySQL:
		return mysqlFault(err)
	case SQLite:
		return sqliteFault(err)
	}
	return faultOther
}

func postgresFault(state string, err error) fault {
	switch state {
	case "23505": // unique_violation
		return faultDuplicate
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return faultConflict
	case "42P01": // undefined_table
		return faultNoTable
	case "42501": // insufficient_privilege
		return faultDenied
	case "0A000": // feature_not_supported
		// A table was changed since the driver prepared the statement. It prepares
		// it again if the statement comes again.
		if strings.Contains(err.Error(), "cached plan must not change result type") {
			return faultConflict
		}
	}
	return faultOther
}

func mysqlFault(err error) fault {
	switch mysqlNumber(err) {
	case 1062: // ER_DUP_ENTRY
		return faultDuplicate
	case 1213, 1020, 1615: // ER_LOCK_DEADLOCK, ER_CHECKREAD, ER_NEED_REPREPARE
		return faultConflict
	case 1146: // ER_NO_SUCH_TABLE
		return faultNoTable
	case 1142, 1143: // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
		return faultDenied
	case errnoFull:
		return faultFull
	}
	return faultOther
}

// errnoFull is ER_MAX_PREPARED_STMT_COUNT_REACHED.
const errnoFull = 1461

// mysqlNumber returns the number of an error of MySQL, or 0. The error is one with
// a method Is, and begins as in "Error 1062 (23000): Duplicate entry".
func mysqlNumber(err error) (number int) {
	var e interface {
		error
		Is(target error) bool
	}
	if errors.As(err, &e) {
		_, _ = fmt.Sscanf(e.Error(), "Error %d", &number)
	}
	return number
}

// doneBefore reports whether an error says that a statement of a migration was
// executed before. Only MySQL commits each by itself, and it has no IF NOT EXISTS
// for columns and indexes.
func (d Dialect) doneBefore(err error) bool {
	if d != MySQL {
		return false
	}
	switch mysqlNumber(err) {
	case 1060, 1061, 1091: // ER_DUP_FIELDNAME, ER_DUP_KEYNAME, ER_CANT_DROP_FIELD_OR_KEY
		return true
	}
	return false
}

func sqliteFault(err error) fault {
	var e interface{ Code() int }
	code, text := 0, err.Error()
	if errors.As(err, &e) {
		code = e.Code()
	}
	switch {
	case code == 2067, code == 1555, // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
		strings.Contains(text, "UNIQUE constraint failed"):
		return faultDuplicate
	case code&0xff == 5, code&0xff == 6, // SQLITE_BUSY, SQLITE_LOCKED
		strings.Contains(text, "database is locked"), strings.Contains(text, "table is locked"):
		return faultBusy
	case strings.Contains(text, "no such table"):
		return faultNoTable
	}
	return faultOther
}
