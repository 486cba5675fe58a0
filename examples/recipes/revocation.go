package recipes

import (
	"context"
	"time"

	"github.com/blockauth/bearer"
)

// FollowRevocations forgets in this process what any process has revoked, until
// ctx is done. Subscribe returns the hashes that are published, as text, in a
// channel that it closes when the connection is lost.
func FollowRevocations(
	ctx context.Context, cache *bearer.KeyCache, subscribe func(context.Context) (<-chan string, error),
) {
	for ctx.Err() == nil {
		cache.Suspend() // a message may be lost now: each look-up asks the store
		messages, err := subscribe(ctx)
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		cache.Resume() // without what was remembered before
		for text := range messages {
			if hash, err := bearer.ParseKeyHash(text); err == nil {
				cache.Forget(hash)
			} else {
				cache.ForgetAll()
			}
		}
	}
}
