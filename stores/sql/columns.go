package bearersql

import (
	"database/sql"
	"time"
)

// A time is stored as whole microseconds since 1970, the zero time as NULL.

func microsOf(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func timeOf(micros sql.Null[int64]) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.V).UTC()
}
