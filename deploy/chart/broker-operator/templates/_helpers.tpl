{{- define "broker-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "broker-operator.fullname" -}}
{{- $name := include "broker-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Names of objects without a namespace: releases for one namespace each must not share them. */}}
{{- define "broker-operator.clusterName" -}}
{{- $name := include "broker-operator.fullname" . -}}
{{- if .Values.watchNamespace -}}
{{- printf "%s-%s" $name .Values.watchNamespace | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end }}

{{- define "broker-operator.selector" -}}
app.kubernetes.io/name: {{ include "broker-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "broker-operator.labels" -}}
{{ include "broker-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "broker-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "broker-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* An image of the values, with the chart's version as default. */}}
{{- define "broker-operator.image" -}}
{{- $image := index . 0 -}}
{{- $chart := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}

{{- define "broker-operator.leaseName" -}}
{{- default (include "broker-operator.fullname" .) .Values.leaderElection.leaseName -}}
{{- end }}

{{- define "broker-operator.leaseNamespace" -}}
{{- default .Release.Namespace .Values.leaderElection.namespace -}}
{{- end }}

{{/* The labels of an object, and more of the user's, which win. */}}
{{- define "broker-operator.labelsWith" -}}
{{- $labels := include "broker-operator.labels" (index . 0) | fromYaml -}}
{{- merge (deepCopy (index . 1)) $labels | toYaml -}}
{{- end }}
