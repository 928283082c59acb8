package stream

import _ "embed"

//go:embed asyncapi.json
var document []byte

// Document returns the AsyncAPI description of the WebSocket and of what the bus carries. It must not be changed.
func Document() []byte { return document }
