/** The bounds of the network on this host; the simulated network keeps the same. */

/** Bytes of one gossiped message (a statement has at most 4 KiB). */
export const gossip_message_bytes_max = 65_536;
/** Bytes of one DHT record (identity records and IPNS use the same cap). */
export const record_bytes_max = 10_240;
/** Bytes of one DHT key without its namespace. */
export const record_key_bytes_max = 128;
/** Records of others that a node holds; the oldest goes first. */
export const records_held_max = 8_192;
/** Nodes that hold each record: the k of Kademlia. */
export const record_holders = 20;
/** Connections to other nodes. */
export const connections_max = 256;
/** New inbound connections that one host may open in a second. */
export const inbound_connections_per_second_max = 64;
/** Inbound connections that may be in their handshake at once. */
export const inbound_handshakes_max = 64;
/** Streams of one request protocol that one connection may have open in one direction. */
export const streams_per_protocol_max = 4;
/** Time to open a connection or a stream. */
export const open_ms_max = 10_000;
/** Time that `stop` may take before what is left is cut. */
export const stop_ms_max = 1_500;
/** Addresses remembered of one peer. */
export const addresses_per_peer_max = 16;
