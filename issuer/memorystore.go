package issuer

// A MemoryStore is a [Store] in memory, the embedded default: it forgets all at
// the end of the process. It is a [Watcher], a [Sweeper] and a [PasswordStore] too.
type MemoryStore struct{ Store }

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{} }
