package leak

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

const (
	smallBody = 64 << 10         // bytes: so much is read of every request
	maxBody   = 4 << 20          // bytes: about 15,000 matches
	maxLarge  = 8                // bodies above smallBody that are held at a time
	largeWait = 2 * time.Second  // for one of these places
	bodyWait  = 10 * time.Second // for a whole body
)

// A bodies reads bodies whose senders are not known yet: a signature can be
// verified only when all is there. Small ones are always read. Of large ones,
// maxLarge are in memory at a time, so that a flood of them costs 32 MiB, and does
// not keep GitHub's small ones out.
type bodies struct{ large chan struct{} }

func newBodies() *bodies { return &bodies{make(chan struct{}, maxLarge)} }

// read returns a body (400, 413, 503). The place of a large one is free when done
// is called.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, done func(), err error) {
	done = func() {}
	if r.Body == nil {
		return nil, done, nil
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyWait)) // not every server has deadlines
	source := http.MaxBytesReader(w, r.Body, maxBody)
	var buffer bytes.Buffer
	n, err := io.CopyN(&buffer, source, smallBody+1)
	if err == nil && n > smallBody {
		if done, err = b.place(r.Context()); err != nil {
			return nil, func() {}, err
		}
		_, err = io.Copy(&buffer, source)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		// If the deadline passed now, it would end the context of the request. After
		// an error it stays: the server reads what is left of the body.
		_ = connection.SetReadDeadline(time.Time{})
		return buffer.Bytes(), done, nil
	case errors.As(err, &tooLarge):
		err = refuse(bearer.CodePayloadTooLarge)
	default:
		err = invalid("", "The body could not be read.").WithCause(err)
	}
	done()
	return nil, func() {}, err
}

// place waits for the place of a large body (503).
func (b *bodies) place(ctx context.Context) (done func(), err error) {
	timer := time.NewTimer(largeWait)
	defer timer.Stop()
	select {
	case b.large <- struct{}{}:
		return func() { <-b.large }, nil
	case <-timer.C:
		return nil, outage(errors.New("leak: too many large bodies at a time"))
	case <-ctx.Done():
		return nil, outage(context.Cause(ctx))
	}
}
