package recipes_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// rpcRows are calls that both servers must answer with one code.
func rpcRows(keys *bearertest.Keys) []struct {
	name, credential string
	limiter          bool // refuses
	code             codes.Code
} {
	return []struct {
		name, credential string
		limiter          bool
		code             codes.Code
	}{
		{"a good key", "Bearer " + keys.Issue(bearer.Key{ID: "key_1", Scopes: "tokens:read"}), false, codes.OK},
		{"no key", "", false, codes.Unauthenticated},
		{"a wrong key", "Bearer sk_test_1", false, codes.Unauthenticated},
		{"a malformed one", "Bearer a,b", false, codes.InvalidArgument},
		{"no scope", "Bearer " + keys.Issue(bearer.Key{ID: "key_2"}), false, codes.PermissionDenied},
		{"too many", "Bearer " + keys.Issue(bearer.Key{ID: "key_3", Scopes: "*"}), true, codes.ResourceExhausted},
	}
}

func TestConnectErrors(t *testing.T) {
	var keys bearertest.Keys
	limiter := new(bearertest.Limiter)
	guard := newGuard(t, bearer.Config{Keys: &keys, Limiter: limiter, ErrorHandler: recipes.ConnectErrors()})
	const procedure = "/acme.v1.Tokens/List"
	list := connect.NewUnaryHandler(procedure,
		func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.StringValue], error) {
			return connect.NewResponse(wrapperspb.String(bearer.FromContext(ctx).ID)), nil
		})
	server := httptest.NewUnstartedServer(guard.Require("tokens:read")(list))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	rows := rpcRows(&keys)
	for protocol, option := range map[string]connect.ClientOption{
		"Connect": connect.WithProtoJSON(), "gRPC": connect.WithGRPC(), "gRPC-Web": connect.WithGRPCWeb(),
	} {
		client := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](server.Client(), server.URL+procedure, option)
		for _, row := range rows {
			t.Run(protocol+" "+row.name, func(t *testing.T) {
				limiter.Allow()
				if row.limiter {
					limiter.Refuse(3 * time.Second)
				}
				r := connect.NewRequest(new(emptypb.Empty))
				if row.credential != "" {
					r.Header().Set("Authorization", row.credential)
				}
				answer, err := client.CallUnary(t.Context(), r)
				if row.code == codes.OK {
					require.NoError(t, err)
					assert.Equal(t, "key_1", answer.Msg.GetValue())
					return
				}
				assert.Equal(t, connect.Code(row.code), connect.CodeOf(err))
			})
		}
	}
	r := bearertest.Request(http.MethodPost, "/upload", "")
	r.Header.Set("Content-Type", "text/csv")
	w := serve(guard.Handler(whoami), r)
	assert.Contains(t, w.Body.String(), "missing_credentials", "a request of no RPC")
}

// A grpcServer runs a server of grpc-go behind a guard, and returns a client.
func grpcServer(t *testing.T, guard *bearer.Guard) grpc_health_v1.HealthClient {
	t.Helper()
	g := recipes.GRPCGuard{Guard: guard, Scopes: map[string][]bearer.Scope{
		grpc_health_v1.Health_Check_FullMethodName: {"tokens:read"},
		grpc_health_v1.Health_Watch_FullMethodName: {"tokens:read"},
	}}
	server := grpc.NewServer(grpc.UnaryInterceptor(g.Unary), grpc.StreamInterceptor(g.Stream))
	grpc_health_v1.RegisterHealthServer(server, healthServer{})
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return grpc_health_v1.NewHealthClient(conn)
}

// A healthServer serves only those whom a guard let through.
type healthServer struct {
	grpc_health_v1.UnimplementedHealthServer
}

func (healthServer) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if bearer.FromContext(ctx).ID != "key_1" {
		return nil, status.Error(codes.Internal, "no principal")
	}
	return new(grpc_health_v1.HealthCheckResponse), nil
}

func (healthServer) Watch(_ *grpc_health_v1.HealthCheckRequest, s grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	if bearer.FromContext(s.Context()).ID != "key_1" {
		return status.Error(codes.Internal, "no principal")
	}
	return s.Send(new(grpc_health_v1.HealthCheckResponse))
}

func TestGRPCGuard(t *testing.T) {
	var keys bearertest.Keys
	limiter := new(bearertest.Limiter)
	guard := newGuard(t, bearer.Config{
		Keys: &keys, Limiter: limiter, Credential: bearer.HeaderCredential("X-API-Key"),
	})
	client := grpcServer(t, guard)
	request := new(grpc_health_v1.HealthCheckRequest)
	for _, row := range rpcRows(&keys) {
		t.Run(row.name, func(t *testing.T) {
			limiter.Allow()
			if row.limiter {
				limiter.Refuse(3 * time.Second)
			}
			ctx := t.Context()
			if row.credential != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", row.credential)
			}
			_, err := client.Check(ctx, request)
			assert.Equal(t, row.code, status.Code(err))
			stream, err := client.Watch(ctx, request)
			require.NoError(t, err)
			_, err = stream.Recv()
			assert.Equal(t, row.code, status.Code(err), "a stream")
			if row.limiter {
				details := status.Convert(err).Details()
				require.Len(t, details, 2)
				assert.Equal(t, "rate_limit_exceeded", details[0].(*errdetails.ErrorInfo).GetReason())
				assert.Equal(t, 3*time.Second, details[1].(*errdetails.RetryInfo).GetRetryDelay().AsDuration())
			}
		})
	}
	limiter.Allow()
	good := keys.Issue(bearer.Key{ID: "key_1", Scopes: "*"})
	_, err := client.Check(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", good), request)
	assert.NoError(t, err)
	_, err = client.List(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", good), new(grpc_health_v1.HealthListRequest))
	assert.ErrorContains(t, err, "no scopes are set", "a method that is not listed")
}

func TestRPCCode(t *testing.T) {
	for code, want := range map[bearer.Code]codes.Code{
		bearer.CodeServiceUnavailable: codes.Unavailable, bearer.CodeKeyExpired: codes.PermissionDenied, "": codes.Internal,
	} {
		assert.Equal(t, want, recipes.RPCCode(&bearer.Error{Code: code}), code)
	}
}
