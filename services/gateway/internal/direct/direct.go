// Package direct lets users subscribe to NATS themselves: it tells the server who holds a token of the gateway's and what
// they may do there, which is to read market data and their own account's events, and to publish nothing at all.
//
// A Door answers one server's questions one after the other; several gateways share them. It is safe for concurrent use.
// It keeps no connection open and sees none end: the server closes each at the end of its token, and at once when the door
// tells it that the session was revoked. A gateway that has been restarted no longer knows whom it let in; those
// connections end with their tokens.
package direct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

// The bounds of a direct subscriber and of the door.
const (
	maxSubscriptions = 1_000  // of one connection
	maxKnown         = 10_000 // connections that may have to be ended; a further one is refused until others have expired
	account          = "EDGE" // that subscribers are put into; see pkg/bus
	askSubject       = "$SYS.REQ.USER.AUTH"
	askGroup         = "gateways"
)

// Verifier knows tokens for NATS and which sessions were revoked.
type Verifier interface {
	VerifyNATS(token string, from netip.Addr) (auth.Identity, error)
}

// Door lets subscribers in.
type Door struct {
	issuer nkeys.KeyPair
	nc     *nats.Conn
	verify Verifier
	log    *slog.Logger

	mu    sync.Mutex           // guards known and count
	known map[string][]visitor // by session
	count int
}

// visitor is a connection that was let in.
type visitor struct {
	server string
	id     uint64
	until  time.Time
}

// NewDoor returns a door whose word the server takes for the issuer's, whose seed is in a file.
func NewDoor(seedFile string, nc *nats.Conn, verify Verifier, log *slog.Logger) (*Door, error) {
	seed, err := os.ReadFile(seedFile)
	if err != nil {
		return nil, fmt.Errorf("read the issuer's key: %w", err)
	}
	issuer, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		return nil, fmt.Errorf("read the issuer's key: %w", err)
	}
	return &Door{issuer: issuer, nc: nc, verify: verify, log: log, known: map[string][]visitor{}}, nil
}

// Run answers the server's questions until ctx ends. A nil door stays shut.
func (d *Door) Run(ctx context.Context) error {
	if d == nil {
		<-ctx.Done()
		return nil
	}
	sub, err := d.nc.QueueSubscribe(askSubject, askGroup, d.answer)
	if err != nil {
		return fmt.Errorf("answer for direct subscribers: %w", err)
	}
	<-ctx.Done()
	if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		d.log.Warn("not unsubscribed", "subject", askSubject, "error", err)
	}
	return nil
}

func (d *Door) answer(m *nats.Msg) {
	req, err := jwt.DecodeAuthorizationRequestClaims(string(m.Data))
	if err != nil {
		d.log.Warn("question about a subscriber not understood", "error", err)
		return // the server refuses when its time is over
	}
	reply := jwt.NewAuthorizationResponseClaims(req.UserNkey)
	reply.Audience = req.Server.ID
	if reply.Jwt, err = d.admit(req, time.Now()); err != nil {
		d.log.Info("direct subscriber refused", "host", req.ClientInformation.Host, "error", err)
		reply.Error = "the token is not valid" // for the server's log; the client learns only that it is refused
	}
	text, err := reply.Encode(d.issuer)
	if err == nil {
		err = m.Respond([]byte(text))
	}
	if err != nil {
		d.log.Warn("question about a subscriber not answered", "error", err)
	}
}

// admit returns what a subscriber may do, signed. The token comes as the token or as the password of the connection.
func (d *Door) admit(req *jwt.AuthorizationRequestClaims, now time.Time) (string, error) {
	token := req.ConnectOptions.Token
	if token == "" {
		token = req.ConnectOptions.Password
	}
	from := auth.ParseAddress(req.ClientInformation.Host)
	id, err := d.verify.VerifyNATS(token, from)
	if err != nil {
		return "", err
	}
	// First remembered, then looked at again: a revocation in between finds the connection in one of the two places.
	if err := d.remember(id.Session, visitor{req.Server.ID, req.ClientInformation.ID, id.ExpiresAt}, now); err != nil {
		return "", err
	}
	if id, err = d.verify.VerifyNATS(token, from); err != nil {
		return "", err
	}
	return claims(req.UserNkey, id).Encode(d.issuer)
}

// claims are the rights of a subscriber. Nothing may be published, not even a request: with a reply subject of its choice a
// client would have the server write where the client may not.
func claims(key string, id auth.Identity) *jwt.UserClaims {
	c := jwt.NewUserClaims(key)
	c.Name, c.Audience = string(id.Account), account
	c.Expires = id.ExpiresAt.Unix()
	c.Pub.Deny.Add(">")
	c.Sub.Allow.Add(bus.AllMarket, bus.UserSubject(id.Account))
	c.Subs = maxSubscriptions
	return c
}

func (d *Door) remember(session string, v visitor, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count >= maxKnown {
		d.forget(now)
	}
	if d.count >= maxKnown {
		return errors.New("too many direct subscribers")
	}
	d.known[session] = append(d.known[session], v)
	d.count++
	return nil
}

// forget drops those whose time is over; the server has closed them.
func (d *Door) forget(now time.Time) {
	d.count = 0
	for session, visitors := range d.known {
		var left []visitor
		for _, v := range visitors {
			if now.Before(v.until) {
				left = append(left, v)
			}
		}
		if d.known[session] = left; len(left) == 0 {
			delete(d.known, session)
		}
		d.count += len(left)
	}
}

// Revoke ends the connections of a session. A nil door has let nobody in.
func (d *Door) Revoke(session string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	visitors := d.known[session]
	delete(d.known, session)
	d.count -= len(visitors)
	d.mu.Unlock()
	for _, v := range visitors {
		if err := d.kick(v); err != nil {
			d.log.Warn("direct subscriber not cut off", "connection", v.id, "error", err)
		}
	}
}

func (d *Door) kick(v visitor) error {
	body, err := json.Marshal(map[string]uint64{"cid": v.id})
	if err != nil {
		return err
	}
	// The server obeys only who wants an answer. Nobody waits for it: that the connection has gone already is no failure.
	if err := d.nc.PublishRequest("$SYS.REQ.SERVER."+v.server+".KICK", d.nc.NewInbox(), body); err != nil {
		return fmt.Errorf("cut off: %w", err)
	}
	return nil
}
