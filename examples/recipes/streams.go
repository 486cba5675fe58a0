package recipes

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/coder/websocket"
)

// Subprotocol is a Config.Credential: the browser offers the subprotocols
// "acme.v1" and "bearer." + token.
func Subprotocol(r *http.Request) string {
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for offer := range strings.SplitSeq(line, ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(offer), "bearer."); ok {
				return token
			}
		}
	}
	return ""
}

// Socket sends the events of a subscription over a WebSocket, as long as the
// caller's credential is good. It stands behind the guard. Subscribe is called
// for each connection, and its channel is read until the context is done.
func Socket(guard *bearer.Guard, subscribe func(context.Context) <-chan string, every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols:   []string{"acme.v1"}, // alone, so that the answer does not repeat the token
			OriginPatterns: []string{"*"},       // there are no cookies: the guard has decided
		})
		if err != nil {
			return // Accept has answered
		}
		defer func() { _ = c.CloseNow() }()
		ctx := c.CloseRead(r.Context())
		events := subscribe(ctx)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := guard.Revalidate(r); err != nil {
					_ = c.Close(websocket.StatusPolicyViolation, string(bearer.CodeOf(err)))
					return
				}
			case event, open := <-events:
				if !open || sendMessage(ctx, c, event, every) != nil {
					return
				}
			}
		}
	}
}

// sendMessage fails if the client does not read: a write would wait for it, and
// no look at the credential would follow.
func sendMessage(ctx context.Context, c *websocket.Conn, event string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.Write(ctx, websocket.MessageText, []byte(event))
}

// Events sends the events of a subscription as server-sent events, as long as the
// caller's credential is good. It stands behind the guard. Subscribe is as for
// Socket.
func Events(guard *bearer.Guard, subscribe func(context.Context) <-chan string, every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		stream := http.NewResponseController(w)
		defer func() { _ = stream.SetWriteDeadline(time.Now().Add(every)) }() // for the last chunk
		events := subscribe(r.Context())
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for text := ""; sendText(w, stream, text, every) == nil; {
			text = ""
			select {
			case <-r.Context().Done():
				return
			case <-ticker.C:
				if guard.Revalidate(r) != nil {
					return // the client connects again, and is told why
				}
			case event, open := <-events:
				if !open {
					return
				}
				text = "data: " + event + "\n\n" // of one line
			}
		}
	}
}

// sendText fails if the client does not read, as sendMessage does.
func sendText(w io.Writer, stream *http.ResponseController, text string, within time.Duration) error {
	if err := stream.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	if err := stream.Flush(); err != nil {
		return err
	}
	return stream.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream at it that only waits
}
