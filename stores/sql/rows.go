package bearersql

import (
	"database/sql"
	"errors"
)

// A scanner reads the columns of one row.
type scanner func(values ...any) error

// eachRow calls a function for each row of a query, and closes the rows.
func eachRow(rows *sql.Rows, err error, read func(scan scanner) error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := read(rows.Scan); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
