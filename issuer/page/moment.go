package page

import "time"

// A moment is a time for people.
type moment struct {
	IsSet   bool
	Machine string // RFC 3339
	Exact   string
	Day     string
	Text    string // in days or hours if it is near, else the day
}

const day = 24 * time.Hour

// moment returns a time for people; the zero time is not set.
func (v *view) moment(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	m := moment{
		IsSet:   true,
		Machine: t.Format(time.RFC3339),
		Exact:   t.Format("2006-01-02 15:04 UTC"),
		Day:     t.Format(time.DateOnly),
	}
	switch distance := t.Sub(now); {
	case distance > 60*day || distance < -60*day:
		m.Text = m.Day
	case distance > 0:
		m.Text = v.in(distance)
	default:
		m.Text = v.ago(-distance)
	}
	return m
}

// whole rounds a time to come to hours, or within a day to minutes. So a key that
// was made for 30 days a moment ago ends in 30 days, and not in 29.
func whole(d time.Duration) time.Duration {
	if hours := d.Round(time.Hour); hours >= day {
		return hours
	}
	return d.Round(time.Minute)
}

// in returns a time to come, in whole days, hours or minutes, rounded down.
func (v *view) in(d time.Duration) string {
	switch d = whole(d); {
	case d >= day:
		return v.one(int(d/day), "in 1 day", "in %d days")
	case d >= time.Hour:
		return v.one(int(d/time.Hour), "in 1 hour", "in %d hours")
	case d >= time.Minute:
		return v.one(int(d/time.Minute), "in 1 minute", "in %d minutes")
	}
	return v.T("in less than a minute")
}

// lifetime returns how long something lives, exactly if it is whole minutes.
func (v *view) lifetime(d time.Duration) string {
	switch {
	case d%day == 0:
		return v.one(int(d/day), "in 1 day", "in %d days")
	case d%time.Hour == 0:
		return v.one(int(d/time.Hour), "in 1 hour", "in %d hours")
	}
	return v.one(max(1, int(d/time.Minute)), "in 1 minute", "in %d minutes")
}

// ago returns a time that has passed.
func (v *view) ago(d time.Duration) string {
	switch {
	case d >= day:
		return v.one(int(d/day), "1 day ago", "%d days ago")
	case d >= time.Hour:
		return v.one(int(d/time.Hour), "1 hour ago", "%d hours ago")
	case d >= time.Minute:
		return v.one(int(d/time.Minute), "1 minute ago", "%d minutes ago")
	}
	return v.T("just now")
}

// expiresIn says how long a key lives that ends soon.
func (v *view) expiresIn(d time.Duration) string {
	switch d = whole(d); {
	case d >= day:
		return v.one(int(d/day), "Expires in 1 day", "Expires in %d days")
	case d >= time.Hour:
		return v.one(int(d/time.Hour), "Expires in 1 hour", "Expires in %d hours")
	}
	return v.one(max(1, int(d/time.Minute)), "Expires in 1 minute", "Expires in %d minutes")
}
