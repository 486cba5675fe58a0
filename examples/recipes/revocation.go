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
	for pause := time.Duration(0); ; pause = time.Second {
		cache.Suspend() // a message may be lost now: each look-up asks the store
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		messages, err := subscribe(ctx)
		if err != nil {
			continue
		}
		cache.Resume() // without what was remembered before
		forget(ctx, cache, messages)
	}
}

// forget returns when the messages end, or ctx does.
func forget(ctx context.Context, cache *bearer.KeyCache, messages <-chan string) {
	for {
		select {
		case <-ctx.Done():
			return
		case text, open := <-messages:
			if !open {
				return
			}
			if hash, err := bearer.ParseKeyHash(text); err == nil {
				cache.Forget(hash)
			} else {
				cache.ForgetAll()
			}
		}
	}
}
