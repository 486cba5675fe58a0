package bearerredis_test

import (
	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

var (
	_ interface {
		bearer.Limiter
		bearer.Returner
		bearer.MultiLimiter
	} = (*bearerredis.Limiter)(nil)
	_ = assert.True
)
