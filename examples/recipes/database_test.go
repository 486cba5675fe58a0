package recipes_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
)

// recordingDB returns a database that keeps statements, and answers a look with 0
// and another one with its third argument, but that of the account "full" with no
// row.
func recordingDB() (*sql.DB, *[]string) {
	d := new(recordingDriver)
	return sql.OpenDB(d), &d.statements
}

type recordingDriver struct{ statements []string }

func (d *recordingDriver) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *recordingDriver) Driver() driver.Driver                        { return nil }
func (d *recordingDriver) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (d *recordingDriver) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (d *recordingDriver) Close() error                                 { return nil }

func (d *recordingDriver) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	d.statements = append(d.statements, query)
	switch {
	case len(args) == 2:
		return &recordedRow{value: int64(0)}, nil
	case args[0].Value == "full":
		return &recordedRow{read: true}, nil
	}
	return &recordedRow{value: args[2].Value}, nil
}

type recordedRow struct {
	value driver.Value
	read  bool
}

func (r *recordedRow) Columns() []string { return []string{"used"} }
func (r *recordedRow) Close() error      { return nil }

func (r *recordedRow) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read, dest[0] = true, r.value
	return nil
}
