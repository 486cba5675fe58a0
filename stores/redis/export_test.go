package bearerredis

// What tests see beyond the API.
var (
	NameOf = nameOf
	SlotOf = slotOf
)
