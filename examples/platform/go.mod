module github.com/blockauth/bearer/examples/platform

go 1.25.0

require (
	github.com/blockauth/bearer v0.1.0
	github.com/blockauth/bearer/issuer v0.1.0
)

require (
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace (
	github.com/blockauth/bearer => ../..
	github.com/blockauth/bearer/issuer => ../../issuer
)
