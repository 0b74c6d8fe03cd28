"""Streams into raw tables: messages in, micro-batches out, each row stored exactly once.

A feed delivers messages (`websocket.WebSocketFeed`, `kafka.KafkaFeed`), a collector reads them, finds what is missing
and fetches it (`binance.BinanceCollector`, `kafka.KafkaCollector`), a `sink.Sink` stores rows together with the
position up to which they reach. `consume.consume` turns the wheel.
"""
