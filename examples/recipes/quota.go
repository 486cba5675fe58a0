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
			return bearer.Limit{Rate: rate.Every(month) * rate.Limit(most), Burst: most}
		},
		Bucket: Account,
	}
}

// A MonthlyQuota counts the buckets of one policy in the application's database,
// and leaves all others to a limiter in memory.
type MonthlyQuota struct {
	bearer.Buckets
	// Count adds n to what an account has used in a month, if that stays within most,
	// and returns what it has used. If n is 0, it reports whether any is left.
	Count func(ctx context.Context, account, month string, n, most int) (used int, ok bool, err error)
}

// Take implements bearer.Limiter.
func (q *MonthlyQuota) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if b.Policy != "monthly" {
		return q.Buckets.Take(ctx, b, n, l)
	}
	now := time.Now().UTC()
	left := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Sub(now)
	if n > l.Burst {
		return bearer.Usage{Limit: l, Reset: left, Wait: -1}, nil
	}
	used, ok, err := q.Count(ctx, b.ID, now.Format("2006-01"), n, l.Burst)
	u := bearer.Usage{Allowed: ok, Limit: l, Remaining: max(l.Burst-used, 0), Reset: left}
	if !ok {
		u.Wait = left // and not what a bucket of the limit would need
	}
	return u, err
}

// CountInSQL is a MonthlyQuota.Count over a table in PostgreSQL:
//
//	CREATE TABLE quotas (account TEXT, month TEXT, used BIGINT, PRIMARY KEY (account, month))
func CountInSQL(db *sql.DB) func(ctx context.Context, account, month string, n, most int) (int, bool, error) {
	return func(ctx context.Context, account, month string, n, most int) (used int, ok bool, err error) {
		if n == 0 {
			err = db.QueryRowContext(ctx, `SELECT COALESCE(SUM(used), 0) FROM quotas
				WHERE account = $1 AND month = $2`, account, month).Scan(&used)
			return used, used < most, err
		}
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
