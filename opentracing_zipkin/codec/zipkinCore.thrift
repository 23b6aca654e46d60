// Zipkin's first data model, as Thrift.  All Zipkin libraries share the names and field ids; the comments are ours.
// Source: openzipkin/zipkin-api, thrift/zipkinCore.thrift.
namespace py zipkinCore

// Values of Annotation.value that mark where a span begins and ends.  They count only together with a host.
const string CLIENT_SEND = "cs"
const string CLIENT_RECV = "cr"
const string SERVER_SEND = "ss"
const string SERVER_RECV = "sr"
const string MESSAGE_SEND = "ms"
const string MESSAGE_RECV = "mr"
const string WIRE_SEND = "ws"
const string WIRE_RECV = "wr"

// Keys of BinaryAnnotations of type BOOL, value 01, whose host is an address: the client's, the server's, the broker's.
const string CLIENT_ADDR = "ca"
const string SERVER_ADDR = "sa"
const string MESSAGE_ADDR = "ma"

// Key of a BinaryAnnotation that carries the host of a span that has neither annotations nor tags.
const string LOCAL_COMPONENT = "lc"

// A node of the network.  Every field has a value for "unknown": 0, 0, "", and no ipv6.
struct Endpoint {
  // The four bytes in network order, read as a signed number: 127.0.0.1 is 0x7f000001.
  1: i32 ipv4
  // Unsigned in meaning, signed on the wire: 65535 is -1.
  2: i16 port
  3: string service_name
  // Sixteen bytes in network order.
  4: optional binary ipv6
}

// Something that happened at one moment.
struct Annotation {
  // Microseconds since 1970.
  1: i64 timestamp
  2: string value
  // The host that recorded the annotation.
  3: optional Endpoint host
}

// A STRING becomes a tag, and a BOOL an address; values of the other types are left out.
enum AnnotationType { BOOL = 0, BYTES = 1, I16 = 2, I32 = 3, I64 = 4, DOUBLE = 5, STRING = 6 }

// A key and its value: a tag, or an address.
struct BinaryAnnotation {
  1: string key
  // UTF-8 where the type is STRING.
  2: binary value
  3: AnnotationType annotation_type
  // The host that set the tag, or the address itself.
  4: optional Endpoint host
}

// One operation, or that part of it which one host knows.  Ids are unsigned in meaning, signed on the wire.
struct Span {
  // The low 64 bits.
  1: i64 trace_id
  3: string name
  4: i64 id
  // Absent in the root of a trace.
  5: optional i64 parent_id
  6: list<Annotation> annotations
  8: list<BinaryAnnotation> binary_annotations
  // Sampled whatever the rate.
  9: optional bool debug
  // The timestamp in microseconds since 1970, and the duration in microseconds.  Both are absent in a shared span, whose
  // times another host reports.
  10: optional i64 timestamp
  11: optional i64 duration
  // The high 64 bits of a 128-bit trace id.
  12: optional i64 trace_id_high
}
