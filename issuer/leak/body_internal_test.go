package leak

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestLargeBodies proves that few large bodies are held at a time, and that small
// ones are read all the same.
func TestLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBodies()
		read := func(ctx context.Context, body io.Reader) (int, func(), error) {
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", body)
			got, done, err := b.read(httptest.NewRecorder(), r)
			return len(got), done, err
		}
		large := func() io.Reader { return bytes.NewReader(make([]byte, smallBody+1)) }
		var held []func()
		for range maxLarge {
			n, done, err := read(t.Context(), large())
			assert.NoError(t, err)
			assert.Equal(t, smallBody+1, n)
			held = append(held, done)
		}
		_, done, err := read(t.Context(), large())
		done()
		assert.ErrorContains(t, err, "too many large bodies")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, done, err = read(ctx, large())
		done()
		assert.ErrorIs(t, err, context.Canceled)
		for _, size := range []int{0, 1, smallBody} {
			n, done, err := read(t.Context(), bytes.NewReader(make([]byte, size)))
			done()
			assert.NoError(t, err)
			assert.Equal(t, size, n)
		}
		held[0]()
		n, done, err := read(t.Context(), bytes.NewReader(make([]byte, maxBody)))
		assert.NoError(t, err)
		assert.Equal(t, maxBody, n)
		done()
		for range 2 * maxLarge { // a body that is refused leaves its place
			_, done, err = read(t.Context(), bytes.NewReader(make([]byte, maxBody+1)))
			done()
			assert.ErrorContains(t, err, "payload_too_large")
			_, done, err = read(t.Context(), io.MultiReader(large(), brokenReader{}))
			done()
			assert.ErrorContains(t, err, "could not be read")
		}
	})
}

// TestBodyDeadline proves that a body must come in time, and that the deadline goes
// with a body that came: a server would end the context of its request.
func TestBodyDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			name string
			body io.Reader
			want []time.Duration // the deadlines from now on; -1: none
		}{
			{"small", bytes.NewReader([]byte("[]")), []time.Duration{bodyWait, -1}},
			{"large", bytes.NewReader(make([]byte, maxBody)), []time.Duration{bodyWait, -1}},
			{"too large", bytes.NewReader(make([]byte, maxBody+1)), []time.Duration{bodyWait}},
			{"broken", brokenReader{}, []time.Duration{bodyWait}},
		} {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			_, done, _ := newBodies().read(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", row.body))
			done()
			assert.Equal(t, row.want, w.set, row.name)
		}
	})
}

// deadlines records the read deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder

	set []time.Duration
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	if at.IsZero() {
		d.set = append(d.set, -1)
	} else {
		d.set = append(d.set, time.Until(at))
	}
	return nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
