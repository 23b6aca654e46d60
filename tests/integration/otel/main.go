// The decoders of OpenTelemetry's collector as a filter: Zipkin's bytes come in, and the spans that were read from them go out.
//
// The only argument is the encoding.  Standard input has one message in hexadecimal a line, standard output one line of JSON for
// each: {"spans": [...]}, or {"error": "..."} where the message is refused.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv1"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var decoders = map[string]ptrace.Unmarshaler{
	"json":    zipkinv2.NewJSONTracesUnmarshaler(false),
	"proto3":  zipkinv2.NewProtobufTracesUnmarshaler(false, false),
	"json_v1": zipkinv1.NewJSONTracesUnmarshaler(false),
	"thrift":  zipkinv1.NewThriftTracesUnmarshaler(),
}

type span struct {
	TraceID  string `json:"traceId"`
	ID       string `json:"id"`
	ParentID string `json:"parentId"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Status   string `json:"status"`
}

type answer struct {
	Spans []span `json:"spans"`
	Error string `json:"error,omitempty"`
}

func judged(decoder ptrace.Unmarshaler, line string) answer {
	message, err := hex.DecodeString(line)
	if err != nil {
		return answer{Error: err.Error()}
	}
	traces, err := decoder.UnmarshalTraces(message)
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := answer{Spans: []span{}}
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, each := range scope.Spans().All() {
				found.Spans = append(found.Spans, span{
					each.TraceID().String(), each.SpanID().String(), each.ParentSpanID().String(),
					each.Name(), each.Kind().String(), each.Status().Code().String(),
				})
			}
		}
	}
	return found
}

func main() {
	decoder := decoders[os.Args[1]]
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(judged(decoder, lines.Text())); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
