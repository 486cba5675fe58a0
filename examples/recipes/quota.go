package recipes

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
	"golang.org/x/time/rate"
)

// MonthlyPolicy is the policy whose buckets a MonthlyQuota counts.
func MonthlyPolicy(most int) bearer.Policy {
	const month = 31 * 24 * time.Hour
	return bearer.Policy{
		Name: "monthly",
		Limit: func(*http.Request, *bearer.Principal) bearer.Limit {
			return bearer.Limit{Rate: rate.Every(month / time.Duration(most)), Burst: most}
		},
		Bucket: Account,
	}
}

// A MonthlyQuota counts the buckets of one policy in the application's database,
// and leaves all others to a limiter in memory.
type MonthlyQuota struct {
	bearer.Buckets
	// Count adds n to what an account has used in a month, unless that is more
	// than most then, and returns what it has used.
	Count func(ctx context.Context, account, month string, n, most int) (used int, ok bool, err error)
}

// Take implements bearer.Limiter.
func (q *MonthlyQuota) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if b.Policy != "monthly" {
		return q.Buckets.Take(ctx, b, n, l)
	}
	now := time.Now().UTC()
	left := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Sub(now)
	used, ok, err := q.Count(ctx, b.ID, now.Format("2006-01"), n, l.Burst)
	u := bearer.Usage{Allowed: ok, Limit: l, Remaining: max(l.Burst-used, 0), Reset: left}
	switch {
	case ok:
	case n > l.Burst:
		u.Wait = -1
	default:
		u.Wait = left
	}
	return u, err
}

// CountInSQL is a MonthlyQuota.Count over a table in PostgreSQL:
//
//	CREATE TABLE quotas (account TEXT, month TEXT, used BIGINT, PRIMARY KEY (account, month))
func CountInSQL(db *sql.DB) func(ctx context.Context, account, month string, n, most int) (int, bool, error) {
	return func(ctx context.Context, account, month string, n, most int) (used int, ok bool, err error) {
		err = db.QueryRowContext(ctx, `INSERT INTO quotas AS q VALUES ($1, $2, $3)
			ON CONFLICT (account, month) DO UPDATE SET used = q.used + $3 WHERE q.used + $3 <= $4
			RETURNING used`, account, month, n, most).Scan(&used)
		if errors.Is(err, sql.ErrNoRows) {
			return most, false, nil
		}
		return used, true, err
	}
}

// DurableQuota returns a guard with a limit a second and a quota of a month.
func DurableQuota(store bearer.KeyStore, db *sql.DB) (*bearer.Guard, error) {
	return bearer.New(bearer.Config{
		Keys:     store,
		Limiter:  &MonthlyQuota{Count: CountInSQL(db)},
		Policies: []bearer.Policy{{}, MonthlyPolicy(100_000)},
	})
}
