package recipes

import (
	"fmt"
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

// Socket sends events over a WebSocket, as long as the caller's credential is
// good. It stands behind the guard.
func Socket(guard *bearer.Guard, events <-chan string, every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// The answer names acme.v1 alone, and so does not repeat the token.
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"acme.v1"}})
		if err != nil {
			return // Accept has answered
		}
		defer func() { _ = c.CloseNow() }()
		ctx := c.CloseRead(r.Context())
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
			case event := <-events:
				if c.Write(ctx, websocket.MessageText, []byte(event)) != nil {
					return
				}
			}
		}
	}
}

// Events sends server-sent events, as long as the caller's credential is good. It
// stands behind the guard.
func Events(guard *bearer.Guard, events <-chan string, every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		stream := http.NewResponseController(w)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for stream.Flush() == nil {
			select {
			case <-r.Context().Done():
				return
			case <-ticker.C:
				if guard.Revalidate(r) != nil {
					return // the client connects again, and is told why
				}
			case event := <-events:
				fmt.Fprintf(w, "data: %s\n\n", event) // of one line
			}
		}
	}
}
