package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// maxBody bounds a request's body where the contract does not say less (x-max-body); no order needs a tenth of it.
const maxBody = 16 << 10

// bodyKey is where a validated body waits for the binder.
const bodyKey = "body"

// validate checks a request against the contract before its handler runs: 400 for what cannot be read or a parameter out
// of bounds, 413, 415, and 422 with all faults for a body that says what it may not.
func (o *operation) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		if faults, err := o.checkParams(ctx); err != nil || len(faults) > 0 {
			if err != nil {
				return badRequest("invalid_request", err.Error())
			}
			p := badRequest("invalid_parameter", "a parameter is not valid")
			p.Errors = faults
			if slices.ContainsFunc(faults, func(f order.FieldError) bool { return f.Field == "interval" }) {
				p.Intervals = intervals()
			}
			return p
		}
		if o.body != nil {
			if err := o.checkBody(ctx); err != nil {
				return err
			}
		}
		return next(ctx)
	}
}

// wholePath refuses what is no route: Echo lets the last parameter of a route take slashes too, but a slash that belongs to
// a value is percent-encoded.
func wholePath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		if values := ctx.ParamValues(); len(values) > 0 && strings.Contains(values[len(values)-1], "/") {
			return echo.ErrNotFound
		}
		return next(ctx)
	}
}

func (o *operation) checkParams(ctx echo.Context) ([]order.FieldError, error) {
	query, err := url.ParseQuery(ctx.Request().URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query cannot be read: %w", err)
	}
	var faults []order.FieldError
	for _, p := range o.params {
		text, found, err := p.read(ctx, query)
		switch {
		case err != nil:
			faults = append(faults, order.FieldError{Field: p.name, Detail: err.Error()})
		case !found && p.required:
			faults = append(faults, order.FieldError{Field: p.name, Detail: "is required"})
		case found:
			faults = append(faults, p.check(text)...)
		}
	}
	return faults, nil
}

// read returns a parameter's text.
func (p param) read(ctx echo.Context, query url.Values) (text string, found bool, err error) {
	switch p.in {
	case "path":
		text = ctx.Param(p.name)
		if ctx.Request().URL.RawPath != "" { // then Echo has matched the path as it was sent
			if text, err = url.PathUnescape(text); err != nil {
				return "", true, errors.New("is not percent-encoded as it should be")
			}
		}
		return text, true, nil
	case "query":
		values := query[p.name]
		if len(values) > 1 {
			return "", true, errors.New("is there more than once")
		}
		return query.Get(p.name), len(values) == 1, nil
	case "cookie":
		cookies := ctx.Request().CookiesNamed(p.name)
		if len(cookies) > 1 {
			return "", true, errors.New("is there more than once")
		}
		if len(cookies) == 1 {
			return cookies[0].Value, true, nil
		}
		return "", false, nil
	}
	values := ctx.Request().Header.Values(p.name)
	if len(values) > 1 {
		return "", true, errors.New("is there more than once")
	}
	return ctx.Request().Header.Get(p.name), len(values) == 1, nil
}

// check judges a parameter's text against its schema.
func (p param) check(text string) []order.FieldError {
	var value any = text
	switch p.kind {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != text {
			return []order.FieldError{{Field: p.name, Detail: "must be a whole number"}}
		}
		value = json.Number(text)
	case "boolean":
		if text != "true" && text != "false" {
			return []order.FieldError{{Field: p.name, Detail: "must be true or false"}}
		}
		value = text == "true"
	}
	faults := faultsOf(p.schema.Validate(value))
	for i := range faults {
		faults[i].Field, faults[i].Pointer = p.name, "" // it is not in the body
	}
	return faults
}

// checkBody reads the body, judges it, and puts it back for the handler.
func (o *operation) checkBody(ctx echo.Context) error {
	req := ctx.Request()
	media, params, err := mime.ParseMediaType(req.Header.Get(echo.HeaderContentType))
	if charset := params["charset"]; err != nil || media != o.media || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be "+o.media)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, req.Body, o.maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body may have %d bytes", o.maxBody))
	}
	if err != nil {
		return badRequest("unreadable_body", "the body could not be read to its end")
	}
	value, err := o.parse(body)
	if err != nil {
		return badRequest("malformed_body", err.Error())
	}
	if faults := faultsOf(o.body.Validate(value)); len(faults) > 0 {
		return invalid(o.andMore(faults, body))
	}
	ctx.Set(bodyKey, body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// andMore adds to the faults that the schema found those that a look at the meaning of the other fields finds, so that a
// client is told all of them together.
func (o *operation) andMore(faults []order.FieldError, body []byte) []order.FieldError {
	if o.judge == nil {
		return faults
	}
	told := map[string]bool{}
	for _, f := range faults {
		top, _, _ := strings.Cut(f.Field, ".")
		told[top] = true
	}
	for _, f := range o.judge(body) {
		if top, _, _ := strings.Cut(f.Field, "."); !told[top] {
			faults = append(faults, f)
		}
	}
	slices.SortStableFunc(faults, func(a, b order.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return faults
}

func (o *operation) parse(body []byte) (any, error) {
	if o.media == echo.MIMEApplicationForm {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errors.New("the form cannot be read")
		}
		value := make(map[string]any, len(form))
		for name, values := range form {
			if len(values) > 1 {
				return nil, fmt.Errorf("field %.40q is there twice", name)
			}
			value[name] = values[0]
		}
		return value, nil
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(body))
}

// binder hands the validated body to the generated code.
type binder struct{}

// Bind implements echo.Binder.
func (binder) Bind(into any, ctx echo.Context) error {
	body, _ := ctx.Get(bodyKey).([]byte)
	if d, ok := into.(interface{ setDefaults() }); ok {
		d.setDefaults()
	}
	if faults := decodeFields(body, into); len(faults) > 0 {
		return invalid(faults)
	}
	return nil
}

var english = message.NewPrinter(language.English)

// faultsOf turns what the schema found into faults by field, at most one a field and detail.
func faultsOf(err error) []order.FieldError {
	if err == nil {
		return nil
	}
	var found *jsonschema.ValidationError
	if !errors.As(err, &found) {
		return []order.FieldError{{Detail: err.Error()}}
	}
	faults := leaves(found)
	slices.SortStableFunc(faults, func(a, b order.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return slices.Compact(faults)
}

func leaves(e *jsonschema.ValidationError) []order.FieldError {
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return each(at, k.Missing, "is required")
	case *kind.AdditionalProperties:
		return each(at, k.Properties, "unknown field")
	case *kind.Type:
		return []order.FieldError{faultAt(at, "must be "+strings.Join(k.Want, " or ")+", not "+k.Got)}
	case *kind.OneOf, *kind.AnyOf:
		return likeliest(e)
	case *kind.Pattern:
		return []order.FieldError{faultAt(at, "must match "+k.Want)}
	}
	if len(e.Causes) == 0 {
		return []order.FieldError{faultAt(at, e.ErrorKind.LocalizedString(english))}
	}
	var faults []order.FieldError
	for _, cause := range e.Causes {
		faults = append(faults, leaves(cause)...)
	}
	return faults
}

// likeliest returns the faults of the first alternative that at least has the right type.
func likeliest(e *jsonschema.ValidationError) []order.FieldError {
	var wanted []string
	for _, cause := range e.Causes {
		for len(cause.Causes) == 1 && len(cause.InstanceLocation) == len(e.InstanceLocation) {
			if _, leaf := cause.ErrorKind.(*kind.Type); leaf {
				break
			}
			cause = cause.Causes[0]
		}
		if k, ok := cause.ErrorKind.(*kind.Type); ok && len(cause.InstanceLocation) == len(e.InstanceLocation) {
			wanted = append(wanted, k.Want...)
			continue
		}
		return leaves(cause)
	}
	return []order.FieldError{faultAt(e.InstanceLocation, "must be "+strings.Join(wanted, " or "))}
}

func each(parent, names []string, detail string) []order.FieldError {
	faults := make([]order.FieldError, len(names))
	for i, name := range names {
		faults[i] = faultAt(append(slices.Clone(parent), name), detail)
	}
	return faults
}

// faultAt is a fault of the value at a place of the body.
func faultAt(at []string, detail string) order.FieldError {
	const most = 64 // bytes of a name that a client made up
	at = slices.Clone(at)
	for i, name := range at {
		if len(name) > most {
			at[i] = strings.ToValidUTF8(name[:most], "") + "…"
		}
	}
	return order.FieldError{Field: strings.Join(at, "."), Detail: detail, Pointer: jsonPointer(at)}
}

// jsonPointer writes a place of a document as RFC 6901 has it.
func jsonPointer(at []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var text strings.Builder
	for _, name := range at {
		text.WriteString("/" + escape.Replace(name))
	}
	return text.String()
}
