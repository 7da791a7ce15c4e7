/** Where narwhal listens, and where the other end of a validation does: one above iperf3's. */
export const defaultPorts = { narwhal: 5000, validate: 5202 } as const
