from integrator.telemetry.metrics import Metrics


def test_counts_durations_and_gauges_are_rendered():
    metrics = Metrics()
    metrics.ended("person-consult", "with-data", 0.004)
    metrics.ended("person-consult", "with-data", 0.2)
    metrics.refused("dossier-void")
    metrics.count("delivery-stale", 2)
    metrics.before_render(lambda: metrics.set_gauge("queue_depth", 7, flow="permit-notification"))
    text = metrics.render().decode()
    assert 'integrator_exchanges_total{flow="person-consult",outcome="with-data"} 2.0' in text
    assert 'integrator_exchange_seconds_bucket{flow="person-consult",le="0.005"} 1.0' in text
    assert 'integrator_refusals_total{reason="dossier-void"} 1.0' in text
    assert 'integrator_events_total{kind="delivery-stale"} 2.0' in text
    assert 'integrator_queue_depth{flow="permit-notification"} 7.0' in text


def test_registries_are_apart():
    first, second = Metrics(), Metrics()
    first.refused("x")
    assert b'reason="x"' not in second.render()
