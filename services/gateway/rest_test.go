package gateway_test

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

func TestMarketLooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	tests := map[string]struct {
		path   string
		status int
		want   string
	}{
		"it lives":                         {"/healthz", 200, `"ok"`},
		"it is ready":                      {"/v1/readyz", 200, `"market":"ok"`},
		"the document":                     {"/openapi.json", 200, `"openapi":"3.1.0"`},
		"the document for people":          {"/docs", 200, `swagger-ui`},
		"and its parts":                    {"/docs/swagger-ui.css", 200, `.swagger-ui`},
		"info":                             {"/info", 200, `"assets":["BTC","ETH","USDT"],"pairs":["BTC-USDT","ETH-USDT"],"exchanges":["binance","kraken","okx"],"intervals":["1s","10s","1m","5m","15m","1h","4h","1d"],"market":"sim"`},
		"exchanges":                        {"/exchanges", 200, `{"exchanges":["binance","kraken","okx"]}`},
		"exchanges in detail":              {"/v1/exchanges?detail=true", 200, `{"name":"okx","status":"down","reason":"no collector is heard","market":"sim","pairs":null,"lag_ms":null,"last_message_at":null}`},
		"pairs":                            {"/exchanges/binance/pairs", 200, `{"exchange":"binance","pairs":["BTC-USDT","ETH-USDT"]}`},
		"pairs in detail":                  {"/v1/exchanges/kraken/pairs?detail=true", 200, `"native":"BTC/USDT"`},
		"an exchange nobody knows":         {"/exchanges/binanse/pairs", 404, `"close_matches":["binance"]`},
		"an exchange that is away":         {"/exchanges/okx/pairs", 503, `"code":"exchange_unavailable"`},
		"candles":                          {"/klines/binance/BTC-USDT?limit=2", 200, `"interval":"1m","source":"exchange"`},
		"candles by the exchange's name":   {"/v1/klines/binance/BTCUSDT?interval=5m&start=&end=", 200, `"symbol":"BTC-USDT","native":"BTCUSDT"`},
		"candles of a length not served":   {"/klines/binance/BTC-USDT?interval=7m", 400, `"intervals":["1s"`},
		"an interval that is none":         {"/klines/binance/BTC-USDT?interval=0m", 400, `"field":"interval"`},
		"and the list comes with it":       {"/klines/binance/BTC-USDT?interval=week", 400, `"intervals":["1s","10s"`},
		"candles that the exchange lacks":  {"/klines/kraken/BTC-USDT", 400, `"code":"unknown_interval"`},
		"candles of all":                   {"/klines/all/BTC-USDT", 400, `name it`},
		"too many candles":                 {"/klines/binance/BTC-USDT?limit=1001", 400, `"field":"limit"`},
		"a time that is none":              {"/klines/binance/BTC-USDT?start=yesterday", 400, `RFC 3339`},
		"a book":                           {"/orderbook/binance/BTC-USDT?depth=1", 200, `"bids":[["64999.9","1.5"]],"asks":[["65000","0.5"]]`},
		"a book by Kraken's name":          {"/orderbook/kraken/XBT%2FUSDT", 200, `"symbol":"BTC-USDT","native":"BTC/USDT"`},
		"a book in lower case":             {"/orderbook/binance/btc-usdt", 200, `"symbol":"BTC-USDT"`},
		"the consolidated book":            {"/v1/orderbook/all/BTC-USDT?depth=1", 200, `"asks":[["64999.95","0.5",{"kraken":"0.5"}]]`},
		"a symbol nobody lists":            {"/orderbook/all/BTC-USDX", 404, `"close_matches":["BTC-USDT"]`},
		"a symbol that is not there":       {"/orderbook/binance/DOGE-EUR", 404, `"code":"unknown_symbol"`},
		"a book of a slip of the pen":      {"/orderbook/binance/BTC-UDST", 404, `did you mean BTC-USDT?`},
		"candles of a slip of the pen":     {"/klines/kraken/BTC-UDST", 404, `"close_matches":["BTC-USDT"]`},
		"a book that does not come":        {"/orderbook/binance/ETH-USDT", 503, `"code":"no_market_data"`},
		"a depth beyond the bound":         {"/orderbook/binance/BTC-USDT?depth=51", 400, `"field":"depth"`},
		"an unknown route":                 {"/v1/nothing", 404, `"code":"unknown_route"`},
		"a route without its prefix":       {"/orders/x/executions", 404, `"code":"unknown_route"`},
		"a stream that asks for no stream": {"/ws", 426, `"code":"upgrade_required"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := h.get(test.path, "")
			if a.Status != test.status || !strings.Contains(string(a.Body), test.want) {
				t.Errorf("GET %s = %d %.600s\nwant %d with %s", test.path, a.Status, a.Body, test.status, test.want)
			}
		})
	}
	if a := h.do("PATCH", "/v1/orders", "", "", ""); a.Status != 405 || a.field(t, "code") != "method_not_allowed" || a.Header.Get("Allow") == "" {
		t.Errorf("PATCH = %d %s %v", a.Status, a.Body, a.Header)
	}
}

func TestUsersAndTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.user("alice")
	if a := h.post("/register", "", `{"username":"ALICE","password":"another one"}`); a.Status != 409 || a.field(t, "code") != "username_taken" {
		t.Errorf("a taken name: %d %s", a.Status, a.Body)
	}
	for name, body := range map[string]string{
		"wrong password": `{"username":"alice","password":"wrong"}`, "unknown user": `{"username":"nobody","password":"correct horse"}`,
	} {
		if a := h.post("/login", "", body); a.Status != 401 || a.field(t, "code") != "invalid_credentials" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	form := func(values url.Values) answer {
		return h.do("POST", "/token", "", "application/x-www-form-urlencoded", values.Encode())
	}
	a := form(url.Values{"grant_type": {"password"}, "username": {"Alice"}, "password": {"correct horse"}, "scope": {""}})
	if a.Status != 200 || a.field(t, "token_type") != "bearer" || a.field(t, "expires_in") != float64(600) {
		t.Fatalf("password grant: %d %s", a.Status, a.Body)
	}
	refresh := a.field(t, "refresh_token").(string)
	again := form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	if again.Status != 200 || again.field(t, "refresh_token") == refresh {
		t.Fatalf("refresh grant: %d %s", again.Status, again.Body)
	}
	if a := h.get("/balance", again.field(t, "access_token").(string)); a.Status != 200 {
		t.Errorf("balance: %d %s", a.Status, a.Body)
	}
	if a := form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"hgr_made.up"}}); a.Status != 401 {
		t.Errorf("a made-up refresh token: %d %s", a.Status, a.Body)
	}
	if a := h.get("/v1/balance", ""); a.Status != 401 || a.field(t, "code") != "missing_token" || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("no token: %d %s", a.Status, a.Body)
	}
	if a := h.get("/v1/balance", "nonsense"); a.Status != 401 || a.field(t, "code") != "invalid_token" {
		t.Errorf("nonsense for a token: %d %s", a.Status, a.Body)
	}
}

func TestFundsAreDeposited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.get("/balance", token); string(a.Body) != `{"balances":[{"asset":"USDT","total":"1000000","available":"1000000","reserved":"0"}]}`+"\n" {
		t.Errorf("opening balance: %s", a.Body)
	}
	if a := h.post("/deposit", token, `{"asset":"USDT","amount":0.10}`); a.Status != 200 || a.field(t, "total") != "1000000.1" {
		t.Errorf("deposit: %d %s", a.Status, a.Body)
	}
	for _, bad := range []string{`{"asset":"USDT","amount":"0"}`, `{"asset":"USDT","amount":-1}`, `{"asset":"DOGE","amount":"1"}`, `{"asset":"usdt","amount":"1"}`} {
		if a := h.post("/deposit", token, bad); a.Status != 422 {
			t.Errorf("%s: %d %s", bad, a.Status, a.Body)
		}
	}
	keyed := func(body string) answer {
		req := newRequest(t, "POST", h.url+"/deposit", body)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Idempotency-Key", "once")
		return h.send(req)
	}
	first, second := keyed(`{"asset":"USDT","amount":"5"}`), keyed(`{"asset":"USDT","amount":"5"}`)
	if first.field(t, "total") != "1000005.1" || string(first.Body) != string(second.Body) || second.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same key twice: %s then %s %v", first.Body, second.Body, second.Header)
	}
	if a := keyed(`{"asset":"USDT","amount":"6"}`); a.Status != 422 || a.field(t, "code") != "idempotency_key_reused" {
		t.Errorf("the key for something else: %d %s", a.Status, a.Body)
	}
}

func TestRateLimits(t *testing.T) {
	h := newHouse(t, func(cfg *gateway.Config) {
		cfg.Limits = gateway.Limits{IPPerSecond: 5, AccountPerSecond: 1, LoginsPerMinute: 2, SignupsPerHour: 1, ConnectsPerSecond: 1, NearFactor: 1}
	})
	token := h.user("alice")                       // one of the signups' one and one of the logins' two
	until := func(path, token string) (a answer) { // it is refused: at least as often as the limit allows at once
		for range 200 {
			if a = h.get(path, token); a.Status == 429 {
				break
			}
		}
		return a
	}
	h.login("alice")
	const someone = `{"username":"someone","password":"correct horse"}`
	for _, is := range []struct {
		name string
		answer
	}{
		{"a signup", h.post("/v1/register", "", someone)},
		{"a login", h.post("/v1/login", "", someone)},
		{"by account", until("/balance", token)},
		{"a socket", until("/ws", "")},
		{"by address", until("/exchanges", "")},
	} {
		name, a := is.name, is.answer
		if a.Status != 429 || a.field(t, "code") != "rate_limited" || a.Header.Get("Retry-After") == "" || a.Header.Get("RateLimit-Remaining") != "0" {
			t.Errorf("%s: %d %s %v", name, a.Status, a.Body, a.Header)
		}
	}
	if a := h.get("/healthz", ""); a.Status != 200 {
		t.Errorf("health is limited: %d", a.Status)
	}
}

func TestOnLoopbackPeopleMaySignUpAsTheyLike(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *gateway.Config) { cfg.Limits = gateway.Limits{} })
	for i := range 8 { // more than the internet may in an hour
		h.user("user" + strconv.Itoa(i))
	}
}

func TestAnAddressHasSoManyConnections(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *gateway.Config) { cfg.Limits = gateway.Limits{ConnectionsPerIP: 2} })
	var open []net.Conn
	connect := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	answered := func(conn net.Conn) bool {
		_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
		_, err := conn.Read(make([]byte, 1))
		return err == nil
	}
	for range 2 {
		conn := connect()
		if !answered(conn) {
			t.Fatal("a connection within the limit is not answered")
		}
		open = append(open, conn)
	}
	if answered(connect()) {
		t.Error("a third connection was answered")
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !answered(connect()); { // the server sees the end in its own time
		if time.Now().After(end) {
			t.Fatal("a closed connection still counts")
		}
	}
}
