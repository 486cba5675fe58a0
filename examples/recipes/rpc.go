package recipes

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"connectrpc.com/connect"
	"github.com/blockauth/bearer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// RPCCode returns the code of a refusal. Those of connect are those of gRPC.
func RPCCode(e *bearer.Error) codes.Code {
	switch e.StatusCode() {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	default:
		return codes.Internal
	}
}

// ConnectErrors returns a Config.ErrorHandler for connect-go: it answers in the
// protocol of the request, Connect, gRPC or gRPC-Web.
func ConnectErrors() func(http.ResponseWriter, *http.Request, *bearer.Error) {
	writer := connect.NewErrorWriter()
	return func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
		if !writer.IsSupported(r) {
			bearer.WriteError(w, r, e)
			return
		}
		_ = writer.Write(w, r, connect.NewError(connect.Code(RPCCode(e)), errors.New(e.Message())))
	}
}

// A GRPCGuard guards a server of grpc-go.
type GRPCGuard struct {
	Guard  *bearer.Guard
	Scopes map[string][]bearer.Scope // by method, "/acme.v1.Tokens/List"; others are refused
}

// Unary is a grpc.UnaryServerInterceptor.
func (g GRPCGuard) Unary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler,
) (any, error) {
	ctx, err := g.check(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

// check decides on a call, and puts the principal into its context.
func (g GRPCGuard) check(ctx context.Context, method string) (context.Context, error) {
	scopes, ok := g.Scopes[method]
	if !ok {
		return nil, status.Error(codes.Unimplemented, "no scopes are set for "+method)
	}
	p, err := g.Guard.Check(callRequest(ctx, method), scopes...)
	if err != nil {
		return nil, grpcError(err)
	}
	return bearer.NewContext(ctx, p), nil
}

// callRequest returns the request that a call is. Metadata has names in lower
// case, and a guard finds a field only by the form that net/http gives its name.
func callRequest(ctx context.Context, method string) *http.Request {
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: method}, Header: make(http.Header), ProtoMajor: 2}
	fields, _ := metadata.FromIncomingContext(ctx)
	for name, values := range fields {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if p, ok := peer.FromContext(ctx); ok {
		r.RemoteAddr = p.Addr.String()
	}
	return r.WithContext(ctx)
}

// Stream is a grpc.StreamServerInterceptor.
func (g GRPCGuard) Stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := g.check(s.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(srv, guardedStream{s, ctx})
}

type guardedStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream returns its context
}

func (s guardedStream) Context() context.Context { return s.ctx }

// grpcError returns a refusal as a status, with its reason and when to try again.
func grpcError(err error) error {
	var e *bearer.Error
	if !errors.As(err, &e) {
		return status.Error(codes.Internal, "no decision")
	}
	s := status.New(RPCCode(e), e.Message())
	if detailed, err := s.WithDetails(&errdetails.ErrorInfo{Reason: e.Reason, Domain: "acme.example"}); err == nil {
		s = detailed
	}
	if e.RetryAfter > 0 {
		if detailed, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)}); err == nil {
			s = detailed
		}
	}
	return s.Err()
}
