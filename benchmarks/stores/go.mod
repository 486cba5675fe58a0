module github.com/blockauth/bearer/benchmarks/stores

go 1.25.0

require (
	github.com/blockauth/bearer v0.1.0
	github.com/blockauth/bearer/stores/redis v0.1.0
	github.com/go-redis/redis_rate/v10 v10.0.1
	github.com/redis/go-redis/v9 v9.22.0
	github.com/redis/rueidis v1.0.79
	github.com/stretchr/testify v1.12.1
	github.com/throttled/throttled/v2 v2.15.0
	github.com/ulule/limiter/v3 v3.11.2
	golang.org/x/time v0.15.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace (
	github.com/blockauth/bearer => ../../
	github.com/blockauth/bearer/issuer => ../../issuer
	github.com/blockauth/bearer/stores/redis => ../../stores/redis
	github.com/blockauth/bearer/stores/sql => ../../stores/sql
)
